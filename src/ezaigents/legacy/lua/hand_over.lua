-- hand_over: what was taken has come to its end; say so where the old system's readers look. Or it goes back.
-- KEYS[1] taken, a hash; KEYS[2] out, a hash; KEYS[3] processing, a list; KEYS[4] queue:failures, a list;
-- KEYS[5] task:results, a hash; KEYS[6] queue:tasks, a hash; KEYS[7] refused, a hash; KEYS[8] the queue, a list
-- ARGV[1] nonce; ARGV[2] entry for the failures, or ''; ARGV[3] its old id, or ''; ARGV[4] entry for the results, or '';
-- ARGV[5] status in queue:tasks, or ''; ARGV[6] why no task can be made of it, or '': it is kept among the refused;
-- ARGV[7] '1' = put it back into the queue
-- Result: 1; 0 = it is not among the taken (any more), and nothing was changed
local function is(key, type)
  local found = redis.call('TYPE', key).ok
  return found == type or found == 'none'
end
local nonce, id = ARGV[1], ARGV[3]
local value = redis.call('HGET', KEYS[1], nonce)
if not value then return 0 end
local cut = string.find(value, '\n', 1, true)
local entry = string.sub(value, cut + 1)
local sum = redis.sha1hex(KEYS[3] .. '\n' .. entry)
redis.call('HDEL', KEYS[1], nonce)
if redis.call('HINCRBY', KEYS[2], sum, -1) <= 0 then redis.call('HDEL', KEYS[2], sum) end
if is(KEYS[3], 'list') then redis.call('LREM', KEYS[3], -1, entry) end
if ARGV[7] == '1' then redis.call('LPUSH', KEYS[8], entry) end
if ARGV[2] ~= '' and is(KEYS[4], 'list') then redis.call('LPUSH', KEYS[4], ARGV[2]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[7], nonce, ARGV[6] .. '\n' .. value) end
if id ~= '' then
  if ARGV[4] ~= '' and is(KEYS[5], 'hash') then redis.call('HSET', KEYS[5], id, ARGV[4]) end
  local row = ARGV[5] ~= '' and is(KEYS[6], 'hash') and redis.call('HGET', KEYS[6], id)
  if row then
    row = string.gsub(row, '"status":"[%a_]*"', '"status":"' .. ARGV[5] .. '"', 1)
    redis.call('HSET', KEYS[6], id, row)
  end
end
return 1
