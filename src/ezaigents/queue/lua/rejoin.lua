#!lua flags=allow-oom
-- rejoin: make children and parents agree again by the children's own records (fsck --repair).
-- ARGV[1..] 'child' = put a blocked task among those its parents tell;
--           'child parent' = take one out of the sets of that parent when it does not wait for it;
--           'parent *' = take a task out of the fan-out when it has not ended, or has nobody to tell
-- Result: per item what was changed, as text ('' = nothing)
local changes = {}
local function waits_for(child, parent)
  local h = call('HMGET', P .. 't:' .. child, 'state', 'parents')
  return h[1] == 'blocked' and string.find(' ' .. (h[2] or '') .. ' ', ' ' .. parent .. ' ', 1, true)
end
local function rejoin(id, note)
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'rank', 'seq', 'rule', 'parents', 'parents_open', 'due')
  if h[1] ~= 'blocked' then return end
  local rule, open_parents = h[6] or 'fail', 0
  local set, other = 'child:', 'waits:'
  if rule == 'wait' then set, other = other, set end
  for parent in string.gmatch(h[7] or '', '%S+') do
    local p = call('HMGET', P .. 't:' .. parent, 'state', 'kids')
    local failed, in_set = END_INDEX[p[1]] and p[1] ~= 'done', call('SISMEMBER', P .. set .. parent, id) == 1
    if call('SREM', P .. other .. parent, id) == 1 then note('-' .. other .. parent) end
    if not in_set and p[1] and p[1] ~= 'done' and rule ~= 'run' then
      call('SADD', P .. set .. parent, id)
      note('+' .. set .. parent)
      -- One that ended without a word tells again; one brought back beside a dead parent waits for that parent.
      if failed and rule ~= 'wait' then call('ZADD', P .. 'fanout', now, parent) end
      in_set = true
    elseif in_set and (not p[1] or p[1] == 'done' or (failed and rule == 'run')) then
      if call('ZADD', P .. 'fanout', 'NX', now, parent) == 1 then note('+fanout:' .. parent) end
    end
    if in_set then open_parents = open_parents + 1 end
    if in_set and p[1] and not p[2] then
      call('HSET', P .. 't:' .. parent, 'kids', 1)
      note('kids of ' .. parent)
    end
  end
  look = true
  if tonumber(h[8] or 0) ~= open_parents then
    call('HSET', P .. 't:' .. id, 'parents_open', open_parents)
    note('parents_open')
  end
  if open_parents == 0 then
    local to = (h[9] and tonumber(h[9]) > now) and 'delayed' or 'ready'
    call('ZREM', P .. 'blocked', id)
    call('HSET', P .. 't:' .. id, 'state', to)
    if to == 'delayed' then call('ZADD', P .. 'delayed', h[9], id) else make_ready(id, h[3], h[4], h[5]) end
    moved(id, h[2], 'blocked', to)
    note(to)
  end
end
for i, item in ipairs(ARGV) do
  local changed = {}
  local function note(what) changed[#changed + 1] = what end
  local id, parent = string.match(item, '^(%S+) ?(%S*)$')
  if parent == '' then rejoin(id, note)
  elseif parent == '*' then
    local state = call('HGET', P .. 't:' .. id, 'state')
    local to_tell = call('EXISTS', P .. 'child:' .. id, P .. 'waits:' .. id) > 0
    if not ((END_INDEX[state] or (not state and to_tell))) and call('ZREM', P .. 'fanout', id) == 1 then note('-fanout') end
  elseif not waits_for(id, parent) then
    if call('SREM', P .. 'child:' .. parent, id) == 1 then note('-child:' .. parent) end
    if call('SREM', P .. 'waits:' .. parent, id) == 1 then note('-waits:' .. parent) end
  end
  changes[i] = table.concat(changed, ' ')
end
flush()
return changes
