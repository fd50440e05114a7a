-- What is written of leases and of the line. Each function returns how many it changed.

local function end_leases(names)
  for _, name in ipairs(names) do
    call('DEL', P .. 'lock:' .. name)
    call('ZREM', P .. 'locks', name)
  end
  return #names
end

local function leave_line(tickets)
  for _, ticket in ipairs(tickets) do
    call('DEL', P .. 'want:' .. ticket)
    call('ZREM', P .. 'wants', ticket)
  end
  return #tickets
end

-- Until a time, or longer where it has longer: a lease never ends sooner than its holder was told.
local function prolong(name, term, ends)
  ends = math.max(term, ends)
  call('HSET', P .. 'lock:' .. name, 'until', ends)
  call('PEXPIREAT', P .. 'lock:' .. name, ends)
  call('ZADD', P .. 'locks', ends, name)
end

-- Those who wait look at once; without anybody who listens this does nothing.
local function tell(freed) if freed > 0 then call('PUBLISH', P .. 'unlocked', '') end end
