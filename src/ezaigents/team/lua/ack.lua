#!lua flags=allow-oom
-- ack: an agent has taken its messages up to one; it never goes back.
-- ARGV[1] agent; ARGV[2] id of the message; ARGV[3] ttl ms
-- Result: the id up to which its messages are taken now
local key = P .. 'read:' .. ARGV[1]
local before = call('GET', key)
if before then
  local old_ms, old_number = string.match(before, '(%d+)%-(%d+)')
  local ms, number = string.match(ARGV[2], '(%d+)%-(%d+)')
  local ahead_ms = tonumber(ms) - tonumber(old_ms)
  if ahead_ms < 0 or (ahead_ms == 0 and tonumber(number) <= tonumber(old_number)) then return before end
end
call('SET', key, ARGV[2], 'PX', ARGV[3])
return ARGV[2]
