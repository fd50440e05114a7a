#!lua flags=allow-oom
-- lock: take file leases for a holder, all of them or none; where one is not free, stand in line, first come first served.
-- ARGV[1] ticket of the request; [2] place; [3] task; [4] its fence; [5] verb; [6] lease ms; [7] ms it would wait, 0 = not
-- ARGV[8..] patterns
-- Result: {'OK', highest fence of these leases}; {'STALE'}: the task is not held with this fence;
--   {'FULL', there are, limit, of what}; {'WAIT': it stands in line, 'BUSY': it does not, 'HOLDS': it may not, holding others;
--   pattern in the way, its task, agent, what that one does (task, apply, wait), ms until it ends, ms until asking again}
-- Each in line asks again every LOOK_MS; after SILENT_MS without a word he is gone.
local LOOK_MS, SILENT_MS, HOLDER_MOST, LEASES_MOST, LINE_MOST = 5000, 15000, 1000, 10000, 1000
local ticket, me = ARGV[1], { place = ARGV[2], task = ARGV[3], claim = ARGV[4], verb = ARGV[5] }
local term, patience, patterns, fresh = now + tonumber(ARGV[6]), tonumber(ARGV[7]), {}, {}
local micros = tonumber(engine_time[1]) * 1000000 + tonumber(engine_time[2])
for i = 8, #ARGV do patterns[#patterns + 1] = ARGV[i] end
local m = met(ticket, me, patterns)
local own, way, standing = m.own, m.way, m.standing
for _, pattern in ipairs(patterns) do if not own[pattern] then fresh[#fresh + 1] = pattern end end
local answer
if me.verb == 'task' and not at_work(me) then answer = { 'STALE' }
elseif way then
  local word = m.held > 0 and 'HOLDS' or patience > 0 and 'WAIT' or 'BUSY'
  answer = { word, way.pattern, way.task, agent_of(way.task), way.verb, way.ends - now, math.max(1, math.min(way.ends - now, LOOK_MS)) }
  if word == 'WAIT' and not standing and m.waiting >= LINE_MOST then answer = { 'FULL', m.waiting, LINE_MOST, 'waits for leases' } end
elseif m.held + #fresh > HOLDER_MOST then answer = { 'FULL', m.held, HOLDER_MOST, 'file leases of one holder' }
elseif m.there + #fresh > LEASES_MOST then answer = { 'FULL', m.there, LEASES_MOST, 'file leases' } end
local stays = answer and answer[1] == 'WAIT'
local freed = end_leases(m.ended) + leave_line(m.gone)
if stays then
  local key, top = P .. 'want:' .. ticket, call('ZRANGE', P .. 'wants', -1, -1, 'WITHSCORES')
  if not standing then call('ZADD', P .. 'wants', math.max(micros, tonumber(top[2] or 0) + 1), ticket) end
  if call('EXISTS', key) == 0 then
    call('HSET', key, 'place', me.place, 'task', me.task, 'claim', me.claim, 'verb', me.verb, 'at', now, 'deadline', now + patience)
    call('HSET', key, 'patterns', table.concat(patterns, '\n'))
  end
  call('HSET', key, 'by', way.task)
  call('PEXPIRE', key, math.min(patience, SILENT_MS))
  call('PEXPIRE', P .. 'wants', 3600000) -- the longest wait
elseif standing then
  leave_line({ ticket })
  if answer then freed = freed + 1 end
end
tell(freed)
if answer then return answer end
local fence, highest = math.max(tonumber(call('GET', P .. 'fence') or 0), micros - 1), 0
for _, pattern in ipairs(fresh) do
  fence = fence + 1
  own[pattern] = { fence = fence, term = 0 }
  local key = P .. 'lock:' .. name_of(me.place, pattern)
  call('HSET', key, 'place', me.place, 'pattern', pattern, 'task', me.task, 'claim', me.claim, 'verb', me.verb)
  call('HSET', key, 'fence', string.format('%.0f', fence), 'at', now, 'ticket', ticket)
end
for _, pattern in ipairs(patterns) do
  prolong(name_of(me.place, pattern), own[pattern].term, term)
  highest = math.max(highest, own[pattern].fence)
end
-- What else this holder waits for, it waits for no longer without holding anything: it is told so when it asks again.
for _, other in ipairs(m.alike) do call('HSET', P .. 'want:' .. other, 'holds', 1) end
if #fresh > 0 then call('SET', P .. 'fence', string.format('%.0f', fence)) end
return { 'OK', string.format('%.0f', highest) }
