#!lua flags=allow-oom
-- promote: what time has brought: delayed tasks that are due, deadlines that passed, children of ended tasks.
-- A question that nobody has answered in time is answered: expired.
-- ARGV[1] most tasks of each sort. Result: {promoted, ended by deadline, children told, 1 when more is left}
local most = tonumber(ARGV[1])
local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(due) do
  local h = call('HMGET', P .. 't:' .. id, 'run', 'lane', 'rank', 'seq', 'state', 'asks_id', 'answers')
  call('ZREM', P .. 'delayed', id)
  if h[5] == 'delayed' then
    if h[6] then note_answer(id, h[7], h[6], 'expired', '', '') end
    call('HSET', P .. 't:' .. id, 'state', 'ready')
    make_ready(id, h[2], h[3], h[4])
    moved(id, h[1], 'delayed', 'ready')
  end
end
local late = call('ZRANGEBYSCORE', P .. 'deadline', '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(late) do
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'kids', 'owner', 'fence')
  call('ZREM', P .. 'deadline', id)
  if h[1] == 'leased' then -- the holder ends it: it has the same deadline, and is told
    call('PUBLISH', P .. 'ctl:' .. h[5], 'deadline ' .. id .. ' ' .. h[6])
  elseif h[1] and not END_INDEX[h[1]] then
    call('ZREM', P .. (h[1] == 'ready' and 'ready:' .. h[3] or h[1]), id)
    if h[1] == 'ready' and call('EXISTS', P .. 'ready:' .. h[3]) == 0 then
      call('SREM', P .. 'waiting', h[3])
      woken[h[3]] = nil -- its delay may have ended in this very call
    end
    end_task(id, h[2], h[1], 'dead', h[4], { 'error', 'deadline' })
  end
end
local told = 0
while told < most do
  local parent = call('ZRANGE', P .. 'fanout', 0, 0)[1]
  if not parent then break end
  local outcome = call('HGET', P .. 't:' .. parent, 'state')
  -- A parent whose record was lost has failed, also for those who would have waited for its retry.
  local sets = (outcome == 'done' or not outcome) and { 'child:', 'waits:' } or { 'child:' }
  local left = 0
  for _, set in ipairs(sets) do
    for _, id in ipairs(call('SPOP', P .. set .. parent, most - told)) do
      told = told + 1
      local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'rank', 'seq', 'kids', 'rule', 'due')
      if h[1] == 'blocked' then
        local rule = h[7] or 'fail'
        local ends_as = outcome ~= 'done' and (((rule == 'fail' or rule == 'wait') and 'dead') or (rule == 'skip' and 'skipped')) or nil
        if ends_as then
          call('ZREM', P .. 'blocked', id)
          call('ZREM', P .. 'deadline', id)
          end_task(id, h[2], 'blocked', ends_as, h[6], { 'error', 'parent' })
        elseif call('HINCRBY', P .. 't:' .. id, 'parents_open', -1) <= 0 then
          call('ZREM', P .. 'blocked', id)
          local to = (h[8] and tonumber(h[8]) > now) and 'delayed' or 'ready'
          call('HSET', P .. 't:' .. id, 'state', to)
          if to == 'delayed' then call('ZADD', P .. 'delayed', h[8], id) else make_ready(id, h[3], h[4], h[5]) end
          moved(id, h[2], 'blocked', to)
        end
      end
    end
    left = left + call('SCARD', P .. set .. parent)
  end
  if left == 0 then call('ZREM', P .. 'fanout', parent) end
end
local more = (#due == most or #late == most or call('EXISTS', P .. 'fanout') == 1) and 1 or 0
flush()
return { #due, #late, told, more }
