#!lua flags=allow-oom
-- release: the holder hands the task back untouched (shutdown, what it needs is taken, or a person is to decide); no
-- attempt is spent, its place in the lane is kept, after a delay where one is asked for.
-- With a question it waits for the answer (answer.lua); the delay is how long at most. An answer given before is void.
-- One that was to be cancelled is cancelled; one past its deadline is dead.
-- ARGV[1..] one packed item each: {id, fence, delay_ms}, with a {question, text} or the reason of the delay as a fourth
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence, delay, asked = item[1], item[2], item[3], item[4]
  local why_later = type(asked) == 'string' and asked
  if why_later then asked = nil end
  local answer, h = not_holder(id, fence, 'release', 'lane', 'rank', 'seq', 'cancel', 'answers')
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
        if why_later then call('HSET', P .. 't:' .. id, 'error', why_later) end
        call('ZADD', P .. 'delayed', now + delay, id)
        if asked then
          call('HSET', P .. 't:' .. id, 'asks_id', asked[1], 'asks', asked[2])
          local others = string.gsub(' ' .. (h[11] or ''), ' ' .. asked[1] .. '=%S+', '')
          if h[11] then call('HSET', P .. 't:' .. id, 'answers', string.sub(others, 2)) end
        end
        look = true
      else make_ready(id, h[7], h[8], h[9]) end
      moved(id, h[4], 'leased', back)
    end
  end
  answers[i] = answer
end
flush()
return answers
