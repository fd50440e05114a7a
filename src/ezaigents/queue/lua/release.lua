#!lua flags=allow-oom
-- release: the holder hands the task back untouched (shutdown, or what it needs is taken); no attempt is spent, its
-- place in the lane is kept, after a delay where one is asked for.
-- One that was to be cancelled is cancelled; one past its deadline is dead.
-- ARGV[1..] one packed item each: {id, fence, delay_ms}
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence, delay = item[1], item[2], item[3]
  local answer, h = not_holder(id, fence, 'release', 'lane', 'rank', 'seq', 'cancel')
  if h then
    answer = 'OK'
    call('ZREM', P .. 'leased', id)
    call('HSET', P .. 't:' .. id, 'closed', fence .. ':release')
    local to, why = ends_unfinished(h[10], h[6])
    if to then
      call('ZREM', P .. 'deadline', id)
      end_task(id, h[4], 'leased', to, h[5], why)
    else
      local back = delay > 0 and 'delayed' or 'ready'
      call('HSET', P .. 't:' .. id, 'state', back)
      if delay > 0 then
        call('HSET', P .. 't:' .. id, 'due', now + delay)
        call('ZADD', P .. 'delayed', now + delay, id)
        look = true
      else make_ready(id, h[7], h[8], h[9]) end
      moved(id, h[4], 'leased', back)
    end
  end
  answers[i] = answer
end
flush()
return answers
