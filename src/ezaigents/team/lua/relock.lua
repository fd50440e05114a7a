#!lua flags=allow-oom
-- relock: prolong file leases, or only look whether they hold, many grants in one call.
-- ARGV[1] lease ms, 0 = only look; ARGV[2..] one packed item each: {place, task, its fence, verb, highest fence, {patterns}}
-- Result: an answer per item: OK, or LOST: one of its leases ended, or was taken since; nothing of it is prolonged then
local term, answers = now + tonumber(ARGV[1]), {}
for i = 2, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local me, found = { place = item[1], task = item[2], claim = item[3], verb = item[4] }, {}
  answers[#answers + 1] = 'OK'
  for _, pattern in ipairs(item[6]) do
    local lease = lease_of(name_of(me.place, pattern))
    if not lease or not lease.holds or not same_holder(lease, me) or lease.fence > tonumber(item[5]) then answers[#answers] = 'LOST' end
    found[pattern] = lease
  end
  if answers[#answers] == 'OK' and term > now then
    for pattern, lease in pairs(found) do prolong(name_of(me.place, pattern), lease.term, term) end
  end
end
return answers
