#!lua flags=allow-oom
-- touch: a running task says which files it means to change, has read or has changed, or only that it goes on.
-- ARGV[1] task; [2] its fence; [3] agent, [4] place ('' = as before: only a sign of progress); [5] most paths kept of it
-- ARGV[6..] pairs path, how: r, i or w. What was said before is kept where it is stronger.
-- Result: packed {word, {{path, task, agent, theirs, ours}, ...}}: with OK, or FULL where not all paths were kept, the
--   overlaps of all its files; STALE and none when it does not hold the task; UNKNOWN and none, and nothing is written,
--   for a sign of progress of an attempt that has said nothing, or is forgotten
local STRENGTH, HOUR_MS, PLAIN = { r = 1, i = 2, w = 3 }, 3600000, '^[^/]'
local id, fence, place, most, key = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[5]), P .. 'files:' .. ARGV[1]
if not claim_holds(id, fence) then return cmsgpack.pack({ 'STALE', {} }) end
local word, paths, mine, fields = 'OK', {}, {}, { '/fence', fence, '/progress', now }
local former = call('HGET', key, '/fence') ~= fence -- an earlier attempt's files are not this one's
if former and place == '' then return cmsgpack.pack({ 'UNKNOWN', {} }) end
local known = former and {} or call('HGETALL', key)
for i = 1, #known, 2 do
  if string.find(known[i], PLAIN) then
    mine[known[i]] = known[i + 1]
    paths[#paths + 1] = known[i]
  end
end
for i = 6, #ARGV, 2 do
  local path, how = ARGV[i], ARGV[i + 1]
  if mine[path] or #paths < most then
    if not mine[path] then paths[#paths + 1] = path end
    if STRENGTH[how] > STRENGTH[mine[path] or 'r'] or not mine[path] then
      mine[path] = how
      fields[#fields + 1] = path
      fields[#fields + 1] = how
    end
  else
    word = 'FULL'
  end
end
if place ~= '' then
  for _, value in ipairs({ '/place', place, '/agent', ARGV[3] }) do fields[#fields + 1] = value end
end
if word == 'FULL' then
  fields[#fields + 1] = '/full'
  fields[#fields + 1] = '1'
end
local found = place == '' and {} or beside(id, place, paths, mine)
if former then call('DEL', key) end
for first = 1, #fields, 1000 do call('HSET', key, unpack(fields, first, math.min(first + 999, #fields))) end
call('PEXPIRE', key, HOUR_MS)
return cmsgpack.pack({ word, found })
