#!lua flags=no-writes
-- plain_look: what look.lua does, where messages are kept plainly: in a list without end, each as JSON with its id first.
-- ARGV[1] unread or window; ARGV[2] position (an id, '' = none); ARGV[3] since (an id, '' = none); ARGV[4] ttl ms;
-- ARGV[5] most messages of each; ARGV[6..] agents
-- Result: packed {how many, {JSON, ..}} per agent. None is older than the ttl.
local most, oldest_ms = tonumber(ARGV[5]), now - tonumber(ARGV[4])
local function parts(id)
  local ms, number = string.match(id, '(%d+)%-(%d+)')
  return tonumber(ms), tonumber(number)
end
local function later(a, b)
  local a_ms, a_number = parts(a)
  local b_ms, b_number = parts(b)
  return a_ms > b_ms or (a_ms == b_ms and a_number > b_number)
end
local function start(agent)
  local from = ARGV[2] == '' and '0-0' or ARGV[2]
  if ARGV[1] == 'unread' then
    local read = call('GET', P .. 'read:' .. agent) or '0-0'
    if ARGV[3] ~= '' and later(read, ARGV[3]) then read = ARGV[3] end
    if later(read, from) then from = read end
  end
  return from
end
local out = {}
for i = 6, #ARGV do
  local key, from = P .. 'messages:' .. ARGV[i], start(ARGV[i])
  local length = call('LLEN', key)
  local low, high = 0, length
  while low < high do -- ids rise, so the first one to show is found by halves
    local middle = math.floor((low + high) / 2)
    local entry = call('LINDEX', key, middle)
    if parts(entry) >= oldest_ms and later(entry, from) then high = middle else low = middle + 1 end
  end
  out[#out + 1] = { length - low, most > 0 and call('LRANGE', key, low, low + most - 1) or {} }
end
return cmsgpack.pack(out)
