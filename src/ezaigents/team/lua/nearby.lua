#!lua flags=no-writes
-- nearby: who is at files that somebody means to change.
-- ARGV[1] place; ARGV[2..] paths
-- Result: packed {{path, task, agent, theirs, 'i'}, ...}
local paths, mine = {}, {}
for i = 2, #ARGV do
  paths[#paths + 1] = ARGV[i]
  mine[ARGV[i]] = 'i'
end
return cmsgpack.pack(beside('', ARGV[1], paths, mine))
