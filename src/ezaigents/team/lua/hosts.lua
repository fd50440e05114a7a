#!lua flags=no-writes
-- hosts: every host heard of within an hour, also those that are silent by now.
-- Result: the engine's time (ms), and {card, health or false, last seen (ms)} for each
local found, seen = {}, call('ZRANGE', P .. 'hosts', 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  -- pcall: what an older version has left under this name is a string, and no card.
  local row = redis.pcall('HMGET', P .. 'host:' .. seen[i], 'card', 'health')
  if not row.err and row[1] then found[#found + 1] = { row[1], row[2], seen[i + 1] } end
end
return { now, found }
