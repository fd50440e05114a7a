#!lua flags=no-writes
-- held: the file leases that hold, by their end, and who stands in line, first come first.
-- Result: packed {{{pattern, place, task, agent, its fence, verb, fence, since, until}, ...},
--   {{ticket, place, task, agent, verb, {patterns}, since, deadline, blocked by}, ...}}
local leases, line = {}, {}
for _, name in ipairs(call('ZRANGE', P .. 'locks', 0, -1)) do
  local l = lease_of(name)
  if l and l.holds then leases[#leases + 1] = { l.pattern, l.place, l.task, agent_of(l.task), l.claim, l.verb, string.format('%.0f', l.fence), l.at, l.ends } end
end
for _, ticket in ipairs(call('ZRANGE', P .. 'wants', 0, -1)) do
  local w = waiter_of(ticket)
  if w then
    local patterns = {}
    for pattern in string.gmatch(w.patterns, '[^\n]+') do patterns[#patterns + 1] = pattern end
    line[#line + 1] = { ticket, w.place, w.task, agent_of(w.task), w.verb, patterns, w.at, w.deadline, w.by }
  end
end
return cmsgpack.pack({ leases, line })
