-- What is asked for, and what is in its way. Reads only.
-- Every lease, sorted out for one holder: its own that hold by pattern, and how many; those of others at its place, by
-- name and pattern only, for most are in nobody's way; names of those past their end; how many there are.
local function sort_leases(me)
  local own, held, others, names = {}, 0, {}, call('ZRANGE', P .. 'locks', 0, -1)
  for _, name in ipairs(names) do
    local h = call('HMGET', P .. 'lock:' .. name, 'task', 'place', 'pattern')
    local lease = h[1] == me.task and lease_of(name)
    if lease and lease.holds and same_holder(lease, me) then own[lease.pattern], held = lease, held + 1
    elseif h[2] == me.place then others[#others + 1] = { name = name, pattern = h[3] } end
  end
  local past = call('ZRANGEBYSCORE', P .. 'locks', '-inf', now, 'LIMIT', 0, 1000)
  return own, held, others, past, #names - #past
end

-- The line, sorted out likewise: those before the ticket that wait for other holders, those that are gone, other tickets
-- of the same holder.
local function sort_line(ticket, me)
  local before, gone, alike, standing, tickets = {}, {}, {}, false, call('ZRANGE', P .. 'wants', 0, -1)
  for _, other in ipairs(tickets) do
    local waiter = waiter_of(other)
    if other == ticket then standing = true elseif not waiter then gone[#gone + 1] = other
    elseif same_holder(waiter, me) then alike[#alike + 1] = other
    elseif not standing and waiter.place == me.place then before[#before + 1] = waiter end
  end
  return before, gone, alike, #tickets - #gone
end

-- Of the patterns asked for: those that nobody else can have, for they are paths beneath a glob that is held, need not
-- wait for anybody. Returns a question to ask of others' patterns: is this in the way?
local function question(patterns, own)
  local asked, globs, plain = {}, {}, {}
  for _, pattern in ipairs(patterns) do
    local covered = own[pattern] ~= nil
    for mine in pairs(own) do covered = covered or (not is_glob(pattern) and overlap(mine, pattern)) end
    if not covered then
      asked[#asked + 1] = pattern
      if is_glob(pattern) then globs[#globs + 1] = pattern else plain[pattern] = true end
    end
  end
  return function(pattern)
    if plain[pattern] then return true end
    for _, mine in ipairs(is_glob(pattern) and asked or globs) do if overlap(mine, pattern) then return true end end
    return false
  end
end

-- The first in the way: of the leases of others that hold, else of those in line before; nil: the way is free. Names of
-- leases that hold no more go to `ended`: one that was left might hold again, when its apply begins at last.
local function first_in_the_way(in_the_way, others, before, ended)
  for _, other in ipairs(others) do
    local lease = in_the_way(other.pattern) and lease_of(other.name)
    if lease and lease.holds then return lease elseif lease then ended[#ended + 1] = other.name end
  end
  for _, waiter in ipairs(before) do
    for pattern in string.gmatch(waiter.patterns, '[^\n]+') do
      if in_the_way(pattern) then return { pattern = pattern, task = waiter.task, verb = 'wait', ends = waiter.deadline } end
    end
  end
end
