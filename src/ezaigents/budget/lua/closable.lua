#!lua flags=no-writes
-- closable: days that are over, have no open hold, and which nothing can change any more.
-- ARGV[1] position in the index, [2] how many to look at from there
-- Result: packed {how many were looked at, {{scope, {field, value, ...}}, ...}}
local quiet = string.format('%.0f', now - SETTLED_MS - 60000) -- until then a late settling may correct one
local today, found = day_of(now), {}
local names = call('ZRANGEBYSCORE', P .. 'budgets', '-inf', quiet, 'LIMIT', ARGV[1], ARGV[2])
for _, scope in ipairs(names) do
  local bare = string.gsub(scope, '^sim%-', '')
  local day = string.match(bare, '^day:(.*)$') or string.match(bare, '^agent:.*:([^:]*)$')
    or string.match(bare, '^model:.*:([^:]*)$')
  if day and day < today then
    local reserved = call('HGET', P .. 'budget:' .. scope, 'reserved')
    if tonumber(reserved or 0) == 0 then found[#found + 1] = { scope, call('HGETALL', P .. 'budget:' .. scope) } end
  end
end
return cmsgpack.pack({ #names, found })
