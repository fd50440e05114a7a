#!lua flags=allow-oom
-- rekey: make idempotency keys and the tasks they name agree; tidy the set of lanes with work (fsck --repair).
-- ARGV[1..] packed {'task', id}, {'key', key} or {'lane', lane}
-- Result: per item what was changed, as text ('' = nothing)
local changes = {}
local function names(key) return string.sub(call('GET', P .. 'key:' .. key) or '', 1, 18) end
for i = 1, #ARGV do
  local sort, name = unpack(cmsgpack.unpack(ARGV[i]))
  local change = ''
  if sort == 'task' then
    local h = call('HMGET', P .. 't:' .. name, 'key', 'body')
    local holder = h[1] and names(h[1]) or name
    if not h[1] then -- it has none
    elseif holder ~= name and call('HGET', P .. 't:' .. holder, 'key') == h[1] then
      call('HDEL', P .. 't:' .. name, 'key', 'body')
      change = 'key left to ' .. holder
    elseif call('SET', P .. 'key:' .. h[1], name .. ':' .. (h[2] or ''), 'GET') ~= name .. ':' .. (h[2] or '') then change = '+key:' .. h[1] end
  elseif sort == 'key' then
    if call('HGET', P .. 't:' .. names(name), 'key') ~= name and call('DEL', P .. 'key:' .. name) == 1 then change = '-key:' .. name
    elseif call('PERSIST', P .. 'key:' .. name) == 1 then change = 'kept for ever' end
  elseif call('EXISTS', P .. 'ready:' .. name) == 0 then
    if call('SREM', P .. 'waiting', name) == 1 then change = '-waiting:' .. name end
  elseif call('SADD', P .. 'waiting', name) == 1 then change = '+waiting:' .. name end
  changes[i] = change
end
return changes
