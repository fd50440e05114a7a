#!lua flags=allow-oom
-- release: the holder hands the task back untouched (shutdown); no attempt is spent, its place in the lane is kept.
-- One that was to be cancelled is cancelled; one past its deadline is dead.
-- ARGV[1..] one packed item each: {id, fence}
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence = item[1], item[2]
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
      call('HSET', P .. 't:' .. id, 'state', 'ready')
      make_ready(id, h[7], h[8], h[9])
      moved(id, h[4], 'leased', 'ready')
    end
  end
  answers[i] = answer
end
flush()
return answers
