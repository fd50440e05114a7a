#!lua flags=allow-oom
-- retry: the holder's attempt failed; the task is tried again after a delay, or is dead when its attempts are spent.
-- One that was to be cancelled is cancelled; one past its deadline is dead.
-- ARGV[1..] one packed item each: {id, fence, delay_ms, {field, value, ...}} (error, cost ...)
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence, delay, fields = item[1], item[2], item[3], item[4]
  local answer, h = not_holder(id, fence, 'retry', 'attempts', 'max', 'lane', 'rank', 'seq', 'cancel')
  if h then
    answer = 'OK'
    local spent = tonumber(h[7] or 0) + 1
    fields[#fields + 1] = 'closed'
    fields[#fields + 1] = fence .. ':retry'
    fields[#fields + 1] = 'attempts'
    fields[#fields + 1] = spent
    call('ZREM', P .. 'leased', id)
    call('HSET', P .. 't:' .. id, unpack(fields))
    local ends_as, why = ends_unfinished(h[12], h[6])
    if ends_as or spent >= tonumber(h[8] or 3) then
      call('ZREM', P .. 'deadline', id)
      end_task(id, h[4], 'leased', ends_as or 'dead', h[5], why or {})
    else
      local to = delay > 0 and 'delayed' or 'ready'
      call('HSET', P .. 't:' .. id, 'state', to, 'due', now + delay)
      if delay > 0 then call('ZADD', P .. 'delayed', now + delay, id) else make_ready(id, h[9], h[10], h[11]) end
      moved(id, h[4], 'leased', to)
      look = look or delay > 0
    end
  end
  answers[i] = answer
end
flush()
return answers
