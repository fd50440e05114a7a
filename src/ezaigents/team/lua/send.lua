#!lua
-- send: put a batch of letters into mailboxes. One whose mailbox is full of unread ones is refused, the others go.
-- ARGV[1] sender, a process; ARGV[2] number of its batch, rising; ARGV[3] ttl ms; ARGV[4] most unread in a mailbox;
-- ARGV[5] compact or plain; ARGV[6..] packed letters {to, fields of the entry (compact) or JSON object (plain)}
-- Result: a character per letter, 1 taken, 0 refused; the same for the sender's last batch; '' for one before that,
-- which is a copy that a broken connection held back.
-- A message's id is its time and its number in the mailbox. Numbers have no gaps, so they count what is unread.
local sent, said, boxes = call('GET', P .. 'sent:' .. ARGV[1]), {}, {}
if sent then
  local number, answers = string.match(sent, '^(%d+) (%d*)$')
  if number == ARGV[2] then return answers end
  if tonumber(number) > tonumber(ARGV[2]) then return '' end
end
local ttl, most, plain = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == 'plain'
local function parts(id)
  local ms, number = string.match(id, '(%d+)%-(%d+)')
  return tonumber(ms), tonumber(number)
end
-- The last id that a mailbox gave out, and its oldest unread message that may still be shown.
local function compact_ends(key, read)
  call('XTRIM', key, 'MINID', '=', string.format('%.0f', now - ttl))
  local last, info = '0-0', call('EXISTS', key) == 1 and call('XINFO', 'STREAM', key) or {}
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then last = info[i + 1] end end
  local first = call('XRANGE', key, '(' .. read, '+', 'COUNT', 1)[1]
  return last, first and first[1]
end
local function plain_ends(key, read)
  local low, high, read_ms, read_number = 0, call('LLEN', key), parts(read)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local ms, number = parts(call('LINDEX', key, middle))
    if ms < now - ttl or ms < read_ms or (ms == read_ms and number <= read_number) then low = middle + 1 else high = middle end
  end
  return call('LINDEX', key, -1) or '0-0', call('LINDEX', key, low)
end
local function opened(to)
  local key = plain and P .. 'messages:' .. to or P .. 'recent:' .. to
  local read = call('GET', P .. 'read:' .. to) or '0-0'
  local last, first = (plain and plain_ends or compact_ends)(key, read)
  local ms, number = parts(last)
  -- A mailbox that ended after the engine's clock went back was read further than now: what comes is not read yet.
  local read_ms, read_number = parts(read)
  if ms < read_ms or (ms == read_ms and number < read_number) then ms = read_ms + 1 end
  return { key = key, ms = math.max(now, ms), number = number, read = first and select(2, parts(first)) - 1 or number }
end
for i = 6, #ARGV do
  local to, body = unpack(cmsgpack.unpack(ARGV[i]))
  local box = boxes[to] or opened(to)
  boxes[to] = box
  box.open = to == 'user' or box.number - box.read < most -- nobody takes what is written to the user: it only passes
  if box.open then
    box.number, box.taken = box.number + 1, true
    local id = string.format('%.0f-%.0f', box.ms, box.number)
    if plain then call('RPUSH', box.key, '{"id":"' .. id .. '",' .. string.sub(body, 2)) else call('XADD', box.key, id, unpack(body)) end
  end
  said[#said + 1] = box.open and '1' or '0'
end
for to, box in pairs(boxes) do
  if box.taken and not plain then call('PEXPIRE', box.key, ttl) end
  if box.taken then call('PUBLISH', P .. 'mail:' .. to, '') end
end
call('SET', P .. 'sent:' .. ARGV[1], ARGV[2] .. ' ' .. table.concat(said), 'PX', 3600000)
return table.concat(said)
