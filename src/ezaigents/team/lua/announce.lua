#!lua flags=allow-oom
-- announce: a host shows its card, or only says that it lives, and what ails it. The latter is said every half minute:
-- four commands at most. With a card what was known of a former host of this name goes, and those silent for an hour.
-- ARGV[1] host; ARGV[2] its card (JSON), '' = as before; ARGV[3] what ails it and its agents (JSON), '' = nothing,
-- left out = as before
-- Result: 1, or 0 when its card is lost and must be shown again
local key, HOUR_MS = P .. 'host:' .. ARGV[1], 3600000
if ARGV[2] ~= '' then
  call('DEL', key)
  call('HSET', key, 'card', ARGV[2])
  call('ZREMRANGEBYSCORE', P .. 'hosts', '-inf', now - HOUR_MS)
end
if call('PEXPIRE', key, HOUR_MS) == 0 then return 0 end
call('ZADD', P .. 'hosts', now, ARGV[1])
if ARGV[3] == '' and ARGV[2] == '' then call('HDEL', key, 'health')
elseif ARGV[3] and ARGV[3] ~= '' then call('HSET', key, 'health', ARGV[3]) end
return 1
