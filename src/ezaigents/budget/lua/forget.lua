#!lua flags=allow-oom
-- forget: drop the scopes of tasks and runs that the queue does not know any more.
-- ARGV[1] position in the index, [2] how many to look at from there
-- Result: {how many were looked at, how many were dropped}. Only those that were not used for a day, and hold nothing.
local KEY = { task = 't:', run = 'run:' }
local names = call('ZRANGEBYSCORE', P .. 'budgets', '-inf', string.format('%.0f', now - DAY_MS), 'LIMIT', ARGV[1], ARGV[2])
local dropped = 0
for _, scope in ipairs(names) do
  local sort, id = string.match(scope, '^(%a+):(.*)$')
  local family, budget = KEY[sort], P .. 'budget:' .. scope
  if family and call('EXISTS', P .. family .. id) == 0 and tonumber(call('HGET', budget, 'reserved') or 0) == 0 then
    call('DEL', budget)
    call('ZREM', P .. 'budgets', scope)
    dropped = dropped + 1
  end
end
return { #names, dropped }
