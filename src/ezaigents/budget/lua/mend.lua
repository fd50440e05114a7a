#!lua flags=allow-oom
-- mend: make budgets and holds agree; the holds are the truth. No host may be at work.
-- ARGV[1] scopes or holds, holds first; ARGV[2..] names of those to mend
-- Result: what was changed per name, '' = nothing
local said, sums = {}, {}
local function whole(text) return text and string.match(text, '^%d+$') end
if ARGV[1] == 'scopes' then
  for _, hold in ipairs(call('ZRANGE', P .. 'holds', 0, -1)) do
    local h = call('HMGET', P .. 'hold:' .. hold, 'amount', 'scopes')
    for scope in string.gmatch(h[2] or '', '%S+') do sums[scope] = (sums[scope] or 0) + tonumber(h[1] or 0) end
  end
end
for i = 2, #ARGV do
  local name, words = ARGV[i], {}
  if ARGV[1] == 'holds' then
    local h, score = call('HMGET', P .. 'hold:' .. name, 'amount', 'scopes', 'until'), call('ZSCORE', P .. 'holds', name)
    if not (whole(h[1]) and h[2] and whole(h[3])) then
      words[1] = 'is removed: it was not whole'
      call('DEL', P .. 'hold:' .. name)
      call('ZREM', P .. 'holds', name)
    elseif not score or tonumber(score) ~= tonumber(h[3]) then
      words[1] = 'is in holds until ' .. h[3]
      call('ZADD', P .. 'holds', h[3], name)
    end
  else
    local key, sum = P .. 'budget:' .. name, sums[name] or 0
    for _, field in ipairs({ 'spent', 'limit', 'reserved' }) do
      if not whole(call('HGET', key, field) or '0') then
        words[#words + 1] = field .. ' was no sum of money and is 0'
        call('HSET', key, field, 0)
      end
    end
    if tonumber(call('HGET', key, 'reserved') or 0) ~= sum then
      words[#words + 1] = 'has ' .. string.format('%.0f', sum) .. ' reserved'
      call('HSET', key, 'reserved', sum)
    end
    local there, listed = call('EXISTS', key) == 1, call('ZSCORE', P .. 'budgets', name)
    if there and not listed then
      words[#words + 1] = 'is in budgets'
      call('ZADD', P .. 'budgets', now, name)
    elseif listed and not there then
      words[#words + 1] = 'is not in budgets any more'
      call('ZREM', P .. 'budgets', name)
    end
  end
  said[#said + 1] = table.concat(words, ', ')
end
return said
