-- Stands before every transition. KEYS[1] is '{ez:<ns>}:n'; every other key is built from its tag.
-- Numbers go to redis.call as numbers (17 digits kept) and never through '..', which keeps only 14.
local P = string.sub(KEYS[1], 1, -2)
local call = redis.call
local RANK = 4398046511104 -- 2^42: a sequence number never reaches it, rank * RANK + seq stays below 2^53
local engine_time = call('TIME')
local now = tonumber(engine_time[1]) * 1000 + math.floor(tonumber(engine_time[2]) / 1000)
local look = false -- true: something is due at a time, or children wait to be told; hosts should look
local counts, run_counts, news, woken, filed = {}, {}, {}, {}, { ended = {}, dead = {} }
local END_INDEX = { done = 'ended', cancelled = 'ended', skipped = 'ended', dead = 'dead' }

-- Note a change of state for the counters and the event stream; written once, by flush().
local function moved(id, run, from, to)
  if from then counts[from] = (counts[from] or 0) - 1 end
  counts[to] = (counts[to] or 0) + 1
  if END_INDEX[to] or END_INDEX[from] then
    local c = run_counts[run] or {}
    run_counts[run] = c
    if END_INDEX[from] then c[from] = (c[from] or 0) - 1 end
    if END_INDEX[to] then c[to] = (c[to] or 0) + 1 end
  end
  local name = to .. ' ' .. run
  local ids = news[name] or {}
  news[name] = ids
  ids[#ids + 1] = id
end

-- One command over a long list, in parts: unpack() takes 8,000 values at most.
local function in_parts(command, key, list)
  for first = 1, #list, 1000 do call(command, key, unpack(list, first, math.min(first + 999, #list))) end
end

-- Make a task ready in its lane; a suspect goes to the quarantine lane, whose tasks run alone.
local function make_ready(id, lane, rank, seq)
  call('ZADD', P .. 'ready:' .. lane, tonumber(rank or 5) * RANK + tonumber(seq), id)
  woken[lane] = true
end

-- A blocked task that ends is not to be told of its parents any more.
local function leave_parents(id)
  for parent in string.gmatch(call('HGET', P .. 't:' .. id, 'parents') or '', '%S+') do
    call('SREM', P .. 'child:' .. parent, id)
    call('SREM', P .. 'waits:' .. parent, id)
  end
end

-- End a task: `from` its state, `to` terminal. Children are told by promote, 100 in a call.
local function end_task(id, run, from, to, kids, extra)
  call('HSET', P .. 't:' .. id, 'state', to, 'ended', now, unpack(extra))
  if from == 'blocked' then leave_parents(id) end
  local filing = filed[END_INDEX[to]]
  filing[#filing + 1] = now
  filing[#filing + 1] = id
  if kids then
    call('ZADD', P .. 'fanout', now, id)
    look = true
  end
  moved(id, run, from, to)
end

-- What becomes of a task that its holder leaves unfinished: nothing when it may be tried again.
local function ends_unfinished(cancel, deadline)
  if cancel then return 'cancelled', {} end
  if deadline and tonumber(deadline) <= now then return 'dead', { 'error', 'deadline' } end
end

-- The right of a holder. Returns nil and {state, fence, closed, run, kids, deadline, ...} when `fence` holds the task;
-- else the answer: OK where this claim made this very transition before, STALE, GONE.
local function not_holder(id, fence, verb, ...)
  local h = call('HMGET', P .. 't:' .. id, 'state', 'fence', 'closed', 'run', 'kids', 'deadline', ...)
  if h[1] == 'leased' and h[2] == fence then return nil, h end
  if not h[1] then return 'GONE' end
  if h[3] == fence .. ':' .. verb then return 'OK' end
  return 'STALE'
end

-- Note the answer to what a task asks: it asks no more. Of its answers the newest 32 are kept.
local function note_answer(id, answers, question, verdict, who, why)
  local kept = {}
  for pair in string.gmatch(answers or '', '%S+') do
    if string.match(pair, '^[^=]*') ~= question then kept[#kept + 1] = pair end
  end
  kept[#kept + 1] = question .. '=' .. verdict
  call('HDEL', P .. 't:' .. id, 'asks', 'asks_id', 'answer_by', 'answer_why')
  call('HSET', P .. 't:' .. id, 'answers', table.concat(kept, ' ', math.max(1, #kept - 31)))
  if who ~= '' then call('HSET', P .. 't:' .. id, 'answer_by', who) end
  if why ~= '' then call('HSET', P .. 't:' .. id, 'answer_why', why) end
end

-- Write what was noted: counters, the ended, wake-up hints, events of at most 8 ids each.
local function flush()
  for state, by in pairs(counts) do if by ~= 0 then call('HINCRBY', KEYS[1], state, by) end end
  for run, by in pairs(run_counts) do
    for state, n in pairs(by) do if n ~= 0 then call('HINCRBY', P .. 'run:' .. run, state, n) end end
  end
  for name, filing in pairs(filed) do in_parts('ZADD', P .. name, filing) end
  for lane in pairs(woken) do
    call('SADD', P .. 'waiting', lane)
    call('PUBLISH', P .. 'wake:' .. lane, lane)
  end
  if look then call('PUBLISH', P .. 'wake:', '') end
  for name, ids in pairs(news) do
    local state, run = string.match(name, '^(%S+) (.*)$')
    for first = 1, #ids, 8 do
      call('XADD', P .. 'events', 'MAXLEN', '~', 2000, '*', 's', state, 'r', run, 't', table.concat(ids, ' ', first, math.min(first + 7, #ids)))
    end
  end
end
