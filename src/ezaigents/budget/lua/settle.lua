#!lua flags=allow-oom
-- settle: a call has ended: what it cost takes the place of what was held for it, once per hold.
-- ARGV[1] the hold's name; [2] spent, micro-dollars, '' = not known: all that was held; [3] calls to count, 0 or 1;
-- [4] input tokens; [5] output tokens; [6] most other holds to end whose time has come
-- Result: {OK, held, spent}, the same when repeated, whatever is said then. One that had ended by its time is corrected.
--         {UNKNOWN, 0, 0}: no such hold, or it ended over an hour ago: nothing is counted, and nothing can be held
--         under this name for an hour
local name, spent = ARGV[1], tonumber(ARGV[2])
local calls, input, output = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local done = call('EXISTS', P .. 'hold:' .. name) == 1 and end_hold(name, 'settled', spent, calls, input, output)
local told
if done then
  told = { 'OK', string.format('%.0f', done[1]), string.format('%.0f', done[2]) }
else
  local h = call('HMGET', P .. 'settled:' .. name, 'how', 'amount', 'spent', 'scopes')
  if h[1] == 'lapsed' then -- it counts as one call at its full amount
    spent = spent or tonumber(h[2])
    for scope in string.gmatch(h[4], '%S+') do
      move(scope, { spent = spent - tonumber(h[3]), calls = calls - 1, input = input, output = output })
    end
    remember(name, 'settled', h[2], spent, h[4])
    told = { 'OK', h[2], string.format('%.0f', spent) }
  elseif h[1] == 'settled' then
    told = { 'OK', h[2], h[3] }
  else
    remember(name, 'unknown', '0', '0', '')
    told = { 'UNKNOWN', '0', '0' }
  end
end
lapse(tonumber(ARGV[6]))
return told
