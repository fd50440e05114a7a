#!lua flags=no-writes
-- audit: do budgets and holds agree? Each is compared at one moment.
-- ARGV[1] scopes or holds; ARGV[2..] names of those to look at
-- Result: packed {{name, what is wrong}, ...}
local found, sums = {}, {}
local function whole(text) return text and string.match(text, '^%d+$') end
local function note(name, text) found[#found + 1] = { name, text } end
if ARGV[1] == 'scopes' then
  for _, hold in ipairs(call('ZRANGE', P .. 'holds', 0, -1)) do
    local h = call('HMGET', P .. 'hold:' .. hold, 'amount', 'scopes')
    for scope in string.gmatch(h[2] or '', '%S+') do sums[scope] = (sums[scope] or 0) + tonumber(h[1] or 0) end
  end
end
for i = 2, #ARGV do
  local name = ARGV[i]
  if ARGV[1] == 'scopes' then
    local h = call('HMGET', P .. 'budget:' .. name, 'spent', 'reserved', 'limit')
    local there, listed = call('EXISTS', P .. 'budget:' .. name) == 1, call('ZSCORE', P .. 'budgets', name)
    local reserved = h[2] or '0'
    if there and not listed then note(name, 'is not in budgets') end
    if listed and not there then note(name, 'is in budgets, and there is no such budget') end
    if there and not (whole(h[1] or '0') and whole(reserved) and whole(h[3] or '0')) then note(name, 'holds what is no sum of money')
    elseif tonumber(reserved) ~= (sums[name] or 0) then
      note(name, 'has ' .. reserved .. ' reserved, and its holds add up to ' .. string.format('%.0f', sums[name] or 0))
    end
  else
    local h, score = call('HMGET', P .. 'hold:' .. name, 'amount', 'scopes', 'until'), call('ZSCORE', P .. 'holds', name)
    local there = call('EXISTS', P .. 'hold:' .. name) == 1
    if there and not score then note(name, 'is not in holds') end
    if score and not there then note(name, 'is in holds, and there is no such hold') end
    if there and not (whole(h[1]) and h[2] and whole(h[3])) then note(name, 'is not whole')
    elseif there and score and tonumber(h[3]) ~= tonumber(score) then note(name, 'ends at ' .. h[3] .. ', in holds at ' .. score) end
    for scope in string.gmatch(h[2] or '', '%S+') do
      if call('EXISTS', P .. 'budget:' .. scope) == 0 then note(name, 'is held of ' .. scope .. ', and there is no such budget') end
    end
  end
end
return cmsgpack.pack(found)
