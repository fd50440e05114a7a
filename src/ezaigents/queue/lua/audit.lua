#!lua flags=no-writes
-- audit: does each task stand where its own record says; read only, each task as it is at one moment.
-- ARGV[1] crashes that make a suspect; ARGV[2..] ids
-- Result: packed {states {state = n}, runs {run = {lane = a lane, state = n ...}}, lanes {lane = ready in it},
--         n of {deadline, fanout, key, told (memberships in child: and waits:), seq (highest), fence (highest)},
--         leased {id, fence, ...}, findings {{invariant, id, text}, ...}}; ids gone meanwhile are left out
local OPEN = { blocked = 1, ready = 1, delayed = 1, leased = 1 }
local states, runs, lanes, leased, findings = {}, {}, {}, {}, {}
local n = { deadline = 0, fanout = 0, key = 0, told = 0, seq = 0, fence = 0 }
local top_fence = tonumber(call('GET', P .. 'fence') or 0)
local function say(invariant, id, text) findings[#findings + 1] = { invariant, id, text } end
local function count(of, name) of[name] = (of[name] or 0) + 1 end

local function audit_place(id, h)
  local index = (h.state == 'ready' and 'ready:' .. h.lane) or END_INDEX[h.state] or h.state
  local score = tonumber(call('ZSCORE', P .. index, id) or nil)
  local due = (h.state == 'ready' and tonumber(h.rank or 5) * RANK + tonumber(h.seq)) or (h.state == 'delayed' and tonumber(h.due)) or score
  if not score then say(END_INDEX[h.state] or h.state, id, 'is ' .. h.state .. ' and missing in the index ' .. index)
  elseif score ~= due then say(h.state, id, 'has the wrong place in the index ' .. index) end
  if h.state == 'ready' then count(lanes, h.lane) end
  local deadline = call('ZSCORE', P .. 'deadline', id)
  if deadline and OPEN[h.state] and h.deadline then
    n.deadline = n.deadline + 1
    if tonumber(deadline) ~= tonumber(h.deadline) then say('deadline', id, 'has another deadline in the index') end
  elseif OPEN[h.state] and h.deadline and not (h.state == 'leased' and tonumber(h.deadline) <= now) then
    say('deadline', id, 'has a deadline that is missing in the index')
  end
  if END_INDEX[h.state] and call('ZSCORE', P .. 'fanout', id) then n.fanout = n.fanout + 1 end
end

local function audit_parents(id, h)
  local rule, waits_for = h.rule or 'fail', 0
  for parent in string.gmatch(h.parents or '', '%S+') do
    local p = call('HMGET', P .. 't:' .. parent, 'state', 'kids')
    local failed = END_INDEX[p[1]] and p[1] ~= 'done'
    local in_set = call('SISMEMBER', P .. (rule == 'wait' and 'waits:' or 'child:') .. parent, id) == 1
    if in_set then
      waits_for = waits_for + 1
      if call('ZSCORE', P .. 'fanout', parent) then -- soon told
      elseif not p[1] then say('parents', id, 'waits for ' .. parent .. ', which is gone')
      elseif p[1] == 'done' or (failed and rule == 'run') then say('parents', id, 'is not told that ' .. parent .. ' has ended')
      elseif not p[2] then say('parents', id, 'waits for ' .. parent .. ', which does not know that it has children') end
    elseif p[1] and p[1] ~= 'done' and rule ~= 'run' then say('parents', id, 'is missing among those that ' .. parent .. ' tells') end
  end
  n.told = n.told + waits_for
  if waits_for ~= tonumber(h.parents_open or 0) or waits_for == 0 then
    say('parents', id, 'counts ' .. (h.parents_open or 0) .. ' open parents and waits for ' .. waits_for)
  end
end

local function audit(id)
  local flat, h = call('HGETALL', P .. 't:' .. id), {}
  if #flat == 0 then return end
  for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
  if not (OPEN[h.state] or END_INDEX[h.state]) or not (h.run and h.lane and tonumber(h.seq) and tonumber(h.at)) then
    say('tasks', id, 'has a damaged record: state, run, lane, seq or at is missing or not known')
  else
    count(states, h.state)
    runs[h.run] = runs[h.run] or { lane = h.lane }
    count(runs[h.run], h.state)
    n.seq, n.fence = math.max(n.seq, tonumber(h.seq)), math.max(n.fence, tonumber(h.fence or 0))
    if call('PTTL', P .. 't:' .. id) ~= -1 then say('life', id, 'has a record that would expire') end
    audit_place(id, h)
    if OPEN[h.state] and (tonumber(h.crashes or 0) >= tonumber(ARGV[1])) ~= (string.sub(h.lane, -1) == '!') then
      say('quarantine', id, 'crashed ' .. (h.crashes or 0) .. ' times and is in the lane ' .. h.lane)
    end
    if h.state == 'leased' then
      if not (h.fence and h.owner) then say('tasks', id, 'is leased and has no fence or no owner') end
      leased[#leased + 1] = id
      leased[#leased + 1] = h.fence or ''
    end
    if tonumber(h.fence or 0) > top_fence then say('fences', id, 'has a fence above the highest given out') end
    if h.key then
      n.key = n.key + 1
      if call('GET', P .. 'key:' .. h.key) ~= id .. ':' .. (h.body or '') then say('keys', id, 'is not what its idempotency key names') end
    end
    if h.state == 'blocked' then audit_parents(id, h) end
  end
end

for i = 2, #ARGV do
  local fine, why = pcall(audit, ARGV[i])
  if not fine then say('tasks', ARGV[i], 'cannot be read: ' .. tostring(type(why) == 'table' and why.err or why)) end
end
return cmsgpack.pack({ states, runs, lanes, n, leased, findings })
