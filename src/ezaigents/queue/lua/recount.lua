#!lua flags=allow-oom
-- recount: write counters, unless a task moved since they were counted (fsck --repair).
-- ARGV[1] the stamp under which they were counted ('' = only tell the stamp); ARGV[2..] packed {key, {field, value, ...}}
-- Result: the stamp now (last event, tasks purged) when nothing was written because of it, else ''
local last = call('XREVRANGE', P .. 'events', '+', '-', 'COUNT', 1)[1]
local stamp = (last and last[1] or 'none') .. ' ' .. (call('HGET', KEYS[1], 'purged') or '0')
if stamp ~= ARGV[1] then return stamp end
for i = 2, #ARGV do
  local row = cmsgpack.unpack(ARGV[i])
  call('HSET', P .. row[1], unpack(row[2]))
end
return ''
