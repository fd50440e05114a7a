-- put_back: an unfinished task goes back into an old queue, once however often this is called for it.
-- KEYS[1] noted, a hash: tasks that went back; KEYS[2] the queue, a list
-- ARGV[1] the task's id; ARGV[2] the entry; ARGV[3] 'tail' = where dead letters are put, else at the head
-- Result: 1 = now, 0 = before; an error when the key is of another type
local type = redis.call('TYPE', KEYS[2]).ok
if type ~= 'list' and type ~= 'none' then return redis.error_reply('WRONGTYPE ' .. KEYS[2] .. ' holds no list') end
if redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 0 then return 0 end
redis.call(ARGV[3] == 'tail' and 'RPUSH' or 'LPUSH', KEYS[2], ARGV[2])
return 1
