#!lua flags=allow-oom
-- renew: prolong every claim a host holds, in one call.
-- ARGV[1] lease ms; ARGV[2..] pairs id, fence
-- Result: an answer per pair: OK, CANCEL (renewed, and the task should stop), STALE, GONE
local answers, leases = {}, {}
for i = 2, #ARGV, 2 do
  local h = call('HMGET', P .. 't:' .. ARGV[i], 'state', 'fence', 'cancel')
  local answer = 'OK'
  if not h[1] then answer = 'GONE'
  elseif h[1] ~= 'leased' or h[2] ~= ARGV[i + 1] then answer = 'STALE'
  else
    if h[3] then answer = 'CANCEL' end
    call('ZADD', P .. 'leased', 'XX', now + tonumber(ARGV[1]), ARGV[i])
  end
  answers[#answers + 1] = answer
end
return answers
