-- window: some entries of a list, oldest first, without taking any; bounded by bytes, so that a few long entries do
-- not fill anybody's memory.
-- KEYS[1] a list; ARGV[1] entries to pass over, from the tail; ARGV[2] most entries; ARGV[3] bytes after which it ends
-- Result: {entry, ...}; empty = there are no more
local out, bytes = {}, 0
local at, most, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
while #out < most and bytes < limit do
  local some = redis.call('LRANGE', KEYS[1], -(at + 8), -(at + 1))
  for i = #some, 1, -1 do
    if #out >= most or bytes >= limit then return out end
    out[#out + 1] = some[i]
    bytes = bytes + #some[i]
  end
  if #some < 8 then return out end
  at = at + 8
end
return out
