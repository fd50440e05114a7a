#!lua flags=allow-oom
-- answer: a person decides what a task asks; it is due at once, and its next attempt finds the verdict in its claim.
-- ARGV[1] id; ARGV[2] question; ARGV[3] 'approve' or 'deny'; ARGV[4] who; ARGV[5] words for the agent, or ''
-- Result: OK (also when repeated), STALE (it asks something else, or nothing, or was answered otherwise), GONE
local id, question, verdict = ARGV[1], ARGV[2], ARGV[3]
local h = call('HMGET', P .. 't:' .. id, 'state', 'asks_id', 'answers')
if not h[1] then return 'GONE' end
if h[1] ~= 'delayed' or h[2] ~= question then
  local known = string.find(' ' .. (h[3] or '') .. ' ', ' ' .. question .. '=' .. verdict .. ' ', 1, true)
  return known and 'OK' or 'STALE'
end
note_answer(id, h[3], question, verdict, ARGV[4], ARGV[5])
call('HSET', P .. 't:' .. id, 'due', now)
call('ZADD', P .. 'delayed', now, id)
look = true
flush()
return 'OK'
