#!lua flags=allow-oom
-- fail: the holder gives the task up; it is dead, with the reason.
-- ARGV[1..] one packed item each: {id, fence, {field, value, ...}} (error, cost ...)
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence, fields = item[1], item[2], item[3]
  local answer, h = not_holder(id, fence, 'fail', 'attempts')
  if h then
    answer = 'OK'
    fields[#fields + 1] = 'closed'
    fields[#fields + 1] = fence .. ':fail'
    fields[#fields + 1] = 'attempts'
    fields[#fields + 1] = tonumber(h[7] or 0) + 1
    call('ZREM', P .. 'leased', id)
    call('ZREM', P .. 'deadline', id)
    end_task(id, h[4], 'leased', 'dead', h[5], fields)
  end
  answers[i] = answer
end
flush()
return answers
