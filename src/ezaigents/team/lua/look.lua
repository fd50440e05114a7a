#!lua flags=no-writes
-- look: messages in mailboxes behind a position: those unread, or all of the window; only counted where none is asked for.
-- ARGV[1] unread or window; ARGV[2] position (an id, '' = none); ARGV[3] since (an id, '' = none); ARGV[4] ttl ms;
-- ARGV[5] most messages of each; ARGV[6..] agents
-- Result: packed {how many, {{id, sender, type, data, file, hops, task}, ..}} per agent. None is older than the ttl.
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
  return parts(from) < oldest_ms and string.format('%.0f', oldest_ms) or '(' .. from
end
local function row(entry)
  local field = {}
  for i = 1, #entry[2], 2 do field[entry[2][i]] = entry[2][i + 1] end
  return { entry[1], field.s, field.y, field.d or '', field.f or '', tonumber(field.h), field.t }
end
local out = {}
for i = 6, #ARGV do
  local key, from, count, rows = P .. 'recent:' .. ARGV[i], start(ARGV[i]), 0, {}
  local first = call('XRANGE', key, from, '+', 'COUNT', 1)[1]
  if first then -- numbers have no gaps
    local last = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    count = select(2, parts(last[1])) - select(2, parts(first[1])) + 1
    for j, entry in ipairs(most > 0 and call('XRANGE', key, from, '+', 'COUNT', most) or {}) do rows[j] = row(entry) end
  end
  out[#out + 1] = { count, rows }
end
return cmsgpack.pack(out)
