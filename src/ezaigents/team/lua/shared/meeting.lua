-- What a request meets: the line, leases, the first in its way. Reads only.
-- Who stands in line and holds nothing asks lightly: first are looked at, of all leases, only those of its very patterns
-- and those with wildcards, then those in front in line. So hundreds may ask again and again beside thousands of leases.
local function asks_lightly(ticket)
  local h = call('HMGET', P .. 'want:' .. ticket, 'place', 'holds')
  return h[1] and not h[2] -- who came to hold something since is told so
end

local function lease_in_the_way(me, in_the_way, patterns, ended)
  local same, wild = {}, {}
  for _, pattern in ipairs(patterns) do same[#same + 1] = { name = name_of(me.place, pattern), pattern = pattern } end
  local way = first_in_the_way(in_the_way, same, {}, ended)
  if way then return way end
  for _, name in ipairs(call('ZRANGE', P .. 'locks', 0, -1)) do
    local h = is_wild(name) and call('HMGET', P .. 'lock:' .. name, 'place', 'pattern') or {}
    if h[1] == me.place then wild[#wild + 1] = { name = name, pattern = h[2] } end
  end
  return first_in_the_way(in_the_way, wild, {}, ended)
end

-- `way`: what is in the way; nil: it is free, and only then `own`, `held` and `there` are known (see sort_leases), besides
-- where the request did not ask lightly. `standing`: it is in line. `ended`, `gone`, `alike`, `waiting`: as far as met.
local function met(ticket, me, patterns)
  local m = { standing = call('ZSCORE', P .. 'wants', ticket), own = {}, held = 0, there = 0, ended = {}, gone = {}, alike = {}, waiting = 0 }
  local lightly, before, others = m.standing and asks_lightly(ticket) and question(patterns, {}), nil, nil
  if lightly then m.way = lease_in_the_way(me, lightly, patterns, m.ended) end
  if not m.way then
    before, m.gone, m.alike, m.waiting = sort_line(ticket, me)
    if lightly then m.way = first_in_the_way(lightly, {}, before, m.ended) end
  end
  if not m.way then
    m.own, m.held, others, m.ended, m.there = sort_leases(me)
    m.way = first_in_the_way(question(patterns, m.own), others, before, m.ended)
  end
  return m
end
