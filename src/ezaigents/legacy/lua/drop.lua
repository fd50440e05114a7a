-- drop: take imported entries out of the old server, and note each until our manifest knows that it is gone (one that was
-- not there any more, too: whatever comes with the same bytes from now on is another one).
-- KEYS[1] noted, a hash; KEYS[2..] one key for each entry
-- ARGV: for each entry {its digest, its bytes, its field in a hash or '', 'all' = every copy of it}
-- Result: how many were there
local there = 0
for i = 2, #KEYS do
  local at = (i - 2) * 4
  local digest, entry, field, copies = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local type, gone = redis.call('TYPE', KEYS[i]).ok, 0
  if type == 'list' and field == '' then gone = redis.call('LREM', KEYS[i], copies == 'all' and 0 or -1, entry)
  elseif type == 'hash' and field ~= '' and redis.call('HGET', KEYS[i], field) == entry then
    gone = redis.call('HDEL', KEYS[i], field)
  end
  redis.call('HSET', KEYS[1], digest, 1)
  if gone > 0 then there = there + 1 end
end
return there
