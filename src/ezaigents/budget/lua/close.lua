#!lua flags=allow-oom
-- close: forget days that are in the ledger.
-- ARGV[1..] one packed item each: {scope, {field, value, ...}}, as closable told it
-- Result: how many were forgotten; one that has changed since is left
local closed = 0
for i = 1, #ARGV do
  local scope, told = unpack(cmsgpack.unpack(ARGV[i]))
  local same, known = true, call('HGETALL', P .. 'budget:' .. scope)
  local is = {}
  for j = 1, #known, 2 do is[known[j]] = known[j + 1] end
  for j = 1, #told, 2 do same = same and is[told[j]] == told[j + 1] end
  if same and #known == #told and #told > 0 then
    call('DEL', P .. 'budget:' .. scope)
    call('ZREM', P .. 'budgets', scope)
    closed = closed + 1
  end
end
return closed
