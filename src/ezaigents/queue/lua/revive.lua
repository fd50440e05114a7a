#!lua
-- revive: an operator has an ended task tried again, with all its attempts; a done one only where its patch could not
-- be applied, or where a limit stopped it.
-- A parent that is not done holds it back, even one that has ended: that one must be revived too, or the task waits.
-- ARGV[1..] ids
-- Result: an answer per id: OK (also when repeated), STALE (done whole and without a conflict, or open), GONE
local answers = {}
for i, id in ipairs(ARGV) do
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'rank', 'seq', 'rule', 'parents', 'closed', 'patch_state', 'partial')
  if not h[1] then answers[i] = 'GONE'
  elseif not END_INDEX[h[1]] and h[8] == 'revive' then answers[i] = 'OK'
  elseif not END_INDEX[h[1]] or (h[1] == 'done' and h[9] ~= 'conflict' and not h[10]) then answers[i] = 'STALE'
  else
    local lane, open_parents = (string.gsub(h[3], '!$', '')), 0
    for parent in string.gmatch(h[7] or '', '%S+') do
      local state = call('HGET', P .. 't:' .. parent, 'state')
      if state and state ~= 'done' and not (END_INDEX[state] and h[6] == 'run') then
        open_parents = open_parents + 1
        call('SADD', P .. (h[6] == 'wait' and 'waits:' or 'child:') .. parent, id)
        call('HSET', P .. 't:' .. parent, 'kids', 1)
      end
    end
    local to = open_parents > 0 and 'blocked' or 'ready'
    call('HSET', P .. 't:' .. id, 'state', to, 'lane', lane, 'parents_open', open_parents, 'closed', 'revive')
    call('HDEL', P .. 't:' .. id, 'attempts', 'cancel', 'crashes', 'solo_crashes', 'error', 'ended', 'deadline', 'due', 'asks', 'asks_id', 'answers', 'answer_by', 'answer_why')
    local in_tree = h[9] == 'applying' or (h[9] == 'applied' and not h[10])
    if not in_tree then -- else files may be in the tree: the next attempt goes on with that
      call('HDEL', P .. 't:' .. id, 'patch', 'patch_error', 'patch_at', 'summary', 'report', 'partial')
      if h[9] ~= 'conflict' then call('HDEL', P .. 't:' .. id, 'patch_state') end -- a conflict is told to the agent
    end
    call('ZREM', P .. END_INDEX[h[1]], id)
    call('ZREM', P .. 'fanout', id)
    if to == 'blocked' then call('ZADD', P .. 'blocked', now, id) else make_ready(id, lane, h[4], h[5]) end
    moved(id, h[2], h[1], to)
    answers[i] = 'OK'
  end
end
flush()
return answers
