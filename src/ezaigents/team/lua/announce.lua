#!lua flags=allow-oom
-- announce: a host shows its card and that it lives; those silent for an hour are forgotten.
-- KEYS[1] '{ez:<ns>}:n'; ARGV[1] host; ARGV[2] its card (JSON), 'still' = as before, '' = it leaves
-- Result: 1, or 0 when the card was not known and is needed again
local P, HOUR_MS = string.sub(KEYS[1], 1, -2), 3600000
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if ARGV[2] == '' then
  redis.call('DEL', P .. 'host:' .. ARGV[1])
  redis.call('ZREM', P .. 'hosts', ARGV[1])
elseif ARGV[2] == 'still' then
  if redis.call('PEXPIRE', P .. 'host:' .. ARGV[1], HOUR_MS) == 0 then return 0 end
  redis.call('ZADD', P .. 'hosts', now, ARGV[1])
  return 1 -- the silent ones are forgotten when a host comes or goes: this is said every half minute
else
  redis.call('SET', P .. 'host:' .. ARGV[1], ARGV[2], 'PX', HOUR_MS)
  redis.call('ZADD', P .. 'hosts', now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', P .. 'hosts', '-inf', now - HOUR_MS)
return 1
