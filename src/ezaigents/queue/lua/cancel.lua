#!lua flags=allow-oom
-- cancel: end an open task; a leased one is flagged and its host told, and the holder's own call (with fence) ends it.
-- ARGV[1..] one packed item each: {id, fence or ''}
-- Result: an answer per item: OK (cancelled now or before), ASKED (the host was told), STALE (ended otherwise), GONE
local INDEX = { blocked = 'blocked', delayed = 'delayed' }
local answers = {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence = item[1], item[2]
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'kids', 'fence', 'owner', 'error')
  local state = h[1]
  if not state then answers[i] = 'GONE'
  elseif state == 'cancelled' then answers[i] = 'OK'
  elseif END_INDEX[state] or (fence ~= '' and (state ~= 'leased' or h[5] ~= fence)) then answers[i] = 'STALE'
  elseif state == 'leased' and fence == '' then
    call('HSET', P .. 't:' .. id, 'cancel', 1)
    call('PUBLISH', P .. 'ctl:' .. h[6], 'cancel ' .. id .. ' ' .. h[5])
    answers[i] = 'ASKED'
  else
    call('ZREM', P .. (INDEX[state] or (state == 'leased' and 'leased') or ('ready:' .. h[3])), id)
    if state == 'ready' and call('EXISTS', P .. 'ready:' .. h[3]) == 0 then call('SREM', P .. 'waiting', h[3]) end
    call('ZREM', P .. 'deadline', id)
    end_task(id, h[2], state, 'cancelled', h[4], {})
    answers[i] = 'OK'
  end
end
flush()
return answers
