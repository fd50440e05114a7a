#!lua flags=allow-oom
-- announce: a host shows its card, or only says that it lives, and what ails it. The latter is said every half minute:
-- four commands at most. With a card what was known of a former host of this name goes, and those silent for an hour.
-- ARGV[1] host; ARGV[2] how long a silent one is remembered (ms), 0 = for ever; ARGV[3] its card (JSON), '' = as before;
-- ARGV[4] what ails it and its agents (JSON), '' = nothing, left out = as before
-- Result: 1, or 0 when its card is lost and must be shown again
local key, life = P .. 'host:' .. ARGV[1], tonumber(ARGV[2])
if ARGV[3] ~= '' then
  for _, name in ipairs(life > 0 and call('ZRANGEBYSCORE', P .. 'hosts', '-inf', now - life, 'LIMIT', 0, 100) or {}) do
    call('DEL', P .. 'host:' .. name) -- it may have been kept plainly, without an end
    call('ZREM', P .. 'hosts', name)
  end
  call('DEL', key)
  call('HSET', key, 'card', ARGV[3])
end
if life > 0 then
  if call('PEXPIRE', key, life) == 0 then return 0 end
elseif call('EXISTS', key) == 0 then return 0
else call('PERSIST', key) end
call('ZADD', P .. 'hosts', now, ARGV[1])
if ARGV[4] == '' and ARGV[3] == '' then call('HDEL', key, 'health')
elseif ARGV[4] and ARGV[4] ~= '' then call('HSET', key, 'health', ARGV[4]) end
return 1
