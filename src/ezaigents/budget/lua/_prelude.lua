-- Stands before every script of this room. KEYS[1] is '{ez:<ns>}:n'; every other key is built from its tag.
-- Money is whole micro-dollars below 2^50, so that sums of it stay exact: Lua counts in doubles.
local P = string.sub(KEYS[1], 1, -2)
local call = redis.call
local engine_time = call('TIME')
local now = tonumber(engine_time[1]) * 1000 + math.floor(tonumber(engine_time[2]) / 1000)
local SETTLED_MS, DAY_MS = 3600000, 86400000

-- The UTC day of a time, as yyyy-mm-dd (Howard Hinnant, "chrono-compatible low-level date algorithms").
local function day_of(ms)
  local days = math.floor(ms / DAY_MS) + 719468
  local era = math.floor(days / 146097)
  local doe = days - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, doy - math.floor((153 * mp + 2) / 5) + 1)
end

-- Add to what a scope has counted.
local function move(scope, by)
  for field, number in pairs(by) do
    if number ~= 0 then call('HINCRBY', P .. 'budget:' .. scope, field, number) end
  end
  call('ZADD', P .. 'budgets', now, scope)
end

-- Remember how a hold ended.
local function remember(name, how, amount, spent, scopes)
  local key = P .. 'settled:' .. name
  call('HSET', key, 'how', how, 'amount', amount, 'spent', spent, 'scopes', scopes)
  call('PEXPIRE', key, SETTLED_MS)
end

-- End a hold: what was spent (nil = all of it) takes the place of what was reserved. False where there is none.
local function end_hold(name, how, spent, calls, input, output)
  local h = call('HMGET', P .. 'hold:' .. name, 'amount', 'scopes')
  call('ZREM', P .. 'holds', name)
  call('DEL', P .. 'hold:' .. name)
  if not h[1] or not h[2] then return false end
  local amount = tonumber(h[1])
  spent = spent or amount
  for scope in string.gmatch(h[2], '%S+') do
    move(scope, { reserved = -amount, spent = spent, calls = calls, input = input, output = output })
  end
  remember(name, how, amount, spent, h[2])
  return { amount, spent }
end

-- End holds whose time has come, as spent: whoever took them may have made his call. Returns how many it looked at.
local function lapse(most)
  local names = call('ZRANGEBYSCORE', P .. 'holds', '-inf', string.format('%.0f', now), 'LIMIT', 0, most)
  for _, name in ipairs(names) do end_hold(name, 'lapsed', nil, 1, 0, 0) end
  return #names
end
