-- take: move entries from a queue to the hash of what a bridge has taken, each under a nonce; they show in the
-- processing list meanwhile, where the old system's readers look for what is at work.
-- One of ours that an old agent's error path moved back into the queue (it moves the tail of the processing list,
-- whoever's that is) goes back to where it was: taken again, it would be done twice.
-- The first write takes memory away: a server that is full refuses a script only before its first write.
-- KEYS[1] queue, a list; KEYS[2] taken, a hash; KEYS[3] out, a hash: how often each content is taken now;
-- KEYS[4] processing, a list; ARGV[1] bytes after which it ends; ARGV[2..] nonces
-- Result: {nonce, entry, ...}; nothing when a key is of another type
local function is(key, type)
  local found = redis.call('TYPE', key).ok
  return found == type or found == 'none'
end
if not is(KEYS[1], 'list') then return {} end
local shows = is(KEYS[4], 'list')
local taken, bytes, i = {}, 0, 2
local left = redis.call('LLEN', KEYS[1])
while i <= #ARGV and left > 0 and bytes < tonumber(ARGV[1]) do
  left = left - 1
  local entry = redis.call('RPOP', KEYS[1])
  local sum = redis.sha1hex(KEYS[4] .. '\n' .. entry)
  local ours = tonumber(redis.call('HGET', KEYS[3], sum) or 0)
  local came_back = shows and ours > 0 and #redis.call('LPOS', KEYS[4], entry, 'COUNT', 0) < ours
  if shows then redis.call('LPUSH', KEYS[4], entry) end
  if not came_back then
    redis.call('HSET', KEYS[2], ARGV[i], KEYS[1] .. '\n' .. entry)
    redis.call('HINCRBY', KEYS[3], sum, 1)
    taken[#taken + 1] = ARGV[i]
    taken[#taken + 1] = entry
    bytes = bytes + #entry
    i = i + 1
  end
end
return taken
