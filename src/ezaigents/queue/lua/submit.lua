#!lua
-- submit: accept tasks of one run, or of several, all or none.
-- ARGV[1] most open tasks; ARGV[2..] one run each, packed: {run id, {field, value, ...}, {task, ...}}; a task is
--           {id, lane, rank, delay_ms, deadline_ms, on_parent_failure, key, body_hash, {parent, ...},
--           {field, value, ...}}, parents before children, no parent twice; tasks are counted through all runs
-- Result: {OK, accepted now, {{index from 1, id it was accepted under before}, ...}};
--         or nothing was written: {FULL, open, limit}, {CONFLICT, index, the other id}, {UNKNOWN_PARENT, index, its id},
--         {RENAMED, 0, {{index, id}, ...}}: a parent in this batch is known under another id; name it so, and repeat
local tasks, records, fresh, in_batch, aliases, keyed, renamed = {}, {}, {}, {}, {}, {}, {}
for i = 2, #ARGV do
  local run, record, of_run = unpack(cmsgpack.unpack(ARGV[i]))
  records[run] = record
  for _, s in ipairs(of_run) do
    s[11] = run
    tasks[#tasks + 1] = s
  end
end
for i, s in ipairs(tasks) do
  local id, key, hash, parents = s[1], s[7], s[8], s[9]
  for _, parent in ipairs(parents) do if renamed[parent] then return { 'RENAMED', 0, aliases } end end
  local known
  if key ~= '' then
    known = keyed[key] or call('GET', P .. 'key:' .. key)
    keyed[key] = known or (id .. ':' .. hash)
    if known and string.sub(known, 20) ~= hash then return { 'CONFLICT', i, string.sub(known, 1, 18) } end
  end
  if not known and not in_batch[id] and call('EXISTS', P .. 't:' .. id) == 1 then
    known = true
    if call('HGET', P .. 't:' .. id, 'run') ~= s[11] then return { 'CONFLICT', i, id } end
  end
  if in_batch[id] and in_batch[id] ~= s[11] then return { 'CONFLICT', i, id } end
  known = known or in_batch[id] and true
  if known then
    local other = known == true and id or string.sub(known, 1, 18)
    aliases[#aliases + 1] = { i, other }
    renamed[id] = other ~= id
  else
    for _, parent in ipairs(parents) do
      if not in_batch[parent] and call('EXISTS', P .. 't:' .. parent) == 0 then return { 'UNKNOWN_PARENT', i, parent } end
    end
    fresh[#fresh + 1] = s
  end
  in_batch[id] = s[11]
end
local n = call('HMGET', KEYS[1], 'blocked', 'ready', 'delayed', 'leased')
local open = tonumber(n[1] or 0) + tonumber(n[2] or 0) + tonumber(n[3] or 0) + tonumber(n[4] or 0)
if #fresh > 0 and open + #fresh > tonumber(ARGV[1]) then return { 'FULL', open, ARGV[1] } end

local seq, total = call('INCRBY', P .. 'seq', #fresh) - #fresh, {}
for _, s in ipairs(fresh) do
  local id, lane, rank, delay, deadline, rule, key, hash, parents, fields, run = unpack(s)
  if not total[run] and #records[run] > 0 and call('EXISTS', P .. 'run:' .. run) == 0 then
    call('HSET', P .. 'run:' .. run, 'at', now, unpack(records[run]))
  end
  total[run] = (total[run] or 0) + 1
  seq = seq + 1
  local open_parents, ends_as = 0, nil
  for _, parent in ipairs(parents) do
    local state = call('HGET', P .. 't:' .. parent, 'state')
    local failed = END_INDEX[state] and state ~= 'done'
    if failed and rule == 'fail' then ends_as = 'dead' elseif failed and rule == 'skip' then ends_as = ends_as or 'skipped'
    elseif state ~= 'done' and not (failed and rule == 'run') then
      open_parents = open_parents + 1
      call('SADD', P .. (rule == 'wait' and 'waits:' or 'child:') .. parent, id)
      call('HSET', P .. 't:' .. parent, 'kids', 1)
    end
  end
  local state = ends_as or (open_parents > 0 and 'blocked') or (delay > 0 and 'delayed') or 'ready'
  call('HSET', P .. 't:' .. id, 'state', state, 'run', run, 'lane', lane, 'seq', seq, 'at', now, unpack(fields))
  if open_parents > 0 then call('HSET', P .. 't:' .. id, 'parents_open', open_parents) end
  if key ~= '' then call('SET', P .. 'key:' .. key, id .. ':' .. hash) end
  if deadline > 0 and not ends_as then call('ZADD', P .. 'deadline', deadline, id) end
  if delay > 0 then call('HSET', P .. 't:' .. id, 'due', now + delay) end
  look = look or deadline > 0 or delay > 0
  if ends_as then
    leave_parents(id)
    end_task(id, run, nil, ends_as, false, { 'error', 'parent' })
  else
    if state == 'blocked' then call('ZADD', P .. 'blocked', now, id)
    elseif state == 'delayed' then call('ZADD', P .. 'delayed', now + delay, id)
    else make_ready(id, lane, rank, seq) end
    moved(id, run, nil, state)
  end
end
if #fresh > 0 then call('HINCRBY', KEYS[1], 'accepted', #fresh) end
for run, by in pairs(total) do call('HINCRBY', P .. 'run:' .. run, 'total', by) end
flush()
return { 'OK', #fresh, aliases }
