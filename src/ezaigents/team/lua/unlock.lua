#!lua flags=allow-oom
-- unlock: a holder gives file leases back, and stands in line no more. What is not its own is passed over.
-- ARGV[1] place; [2] task; [3] its fence; [4] verb; [5] ticket: only what was taken by that request, '' = by whichever
-- ARGV[6..] patterns; none = all it holds
-- Result: 'OK', also where nothing was left to give back
local me, ticket, names, own = { place = ARGV[1], task = ARGV[2], claim = ARGV[3], verb = ARGV[4] }, ARGV[5], {}, {}
for i = 6, #ARGV do names[#names + 1] = name_of(me.place, ARGV[i]) end
if #ARGV == 5 then names = call('ZRANGE', P .. 'locks', 0, -1) end
for _, name in ipairs(names) do
  local lease = call('HGET', P .. 'lock:' .. name, 'task') == me.task and lease_of(name)
  if lease and same_holder(lease, me) and (ticket == '' or lease.ticket == ticket) then own[#own + 1] = name end
end
local stood = call('ZSCORE', P .. 'wants', ticket) and leave_line({ ticket }) or 0
tell(end_leases(own) + stood)
return 'OK'
