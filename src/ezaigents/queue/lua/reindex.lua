#!lua flags=allow-oom
-- reindex: put tasks where their own record says they belong, and only there (fsck --repair).
-- ARGV[1] crashes that make a suspect; ARGV[2..] 'id', or 'id lane' for one that was found in the index of that lane
-- Result: per id what was changed, as text ('' = nothing)
local PLACES = { 'blocked', 'delayed', 'leased', 'ended', 'dead' }
local STATES = { blocked = 1, ready = 1, delayed = 1, leased = 1, done = 1, dead = 1, cancelled = 1, skipped = 1 }
local changes = {}
for i = 2, #ARGV do
  local id, found_in = string.match(ARGV[i], '^(%S+) ?(%S*)$')
  local key = P .. 't:' .. id
  local h = call('HMGET', key, 'state', 'lane', 'rank', 'seq', 'due', 'at', 'ended', 'deadline', 'crashes')
  local changed, state, lane, gone = {}, h[1], h[2], call('EXISTS', key) == 0
  local function note(what) changed[#changed + 1] = what end
  if gone or (STATES[state] and lane and tonumber(h[4])) then -- a damaged record is left as it is
    local home, open = END_INDEX[state] or state, state and not END_INDEX[state]
    if found_in ~= '' and (state ~= 'ready' or found_in ~= lane) and call('ZREM', P .. 'ready:' .. found_in, id) == 1 then note('-ready:' .. found_in) end
    for _, name in ipairs(PLACES) do
      if name ~= home then
        if call('ZREM', P .. name, id) == 1 then note('-' .. name) end
      elseif not call('ZSCORE', P .. name, id) or name == 'delayed' then
        local score = (name == 'blocked' and h[6]) or (name == 'delayed' and (h[5] or now)) or (name == 'leased' and now) or h[7] or now
        if call('ZADD', P .. name, 'CH', score, id) == 1 then note('+' .. name) end
      end
    end
    if lane and state ~= 'ready' and call('ZREM', P .. 'ready:' .. lane, id) == 1 then note('-ready:' .. lane) end
    if open then
      local suspect, quarantine = tonumber(h[9] or 0) >= tonumber(ARGV[1]), string.sub(lane, -1) == '!'
      if suspect ~= quarantine then
        call('ZREM', P .. 'ready:' .. lane, id)
        lane = suspect and lane .. '!' or string.sub(lane, 1, -2)
        call('HSET', key, 'lane', lane)
        note('lane ' .. lane)
      end
    end
    if state == 'ready' then
      local score = tonumber(h[3] or 5) * RANK + tonumber(h[4])
      if call('ZADD', P .. 'ready:' .. lane, 'CH', score, id) == 1 then note('+ready:' .. lane) end
      if call('SADD', P .. 'waiting', lane) == 1 then note('+waiting:' .. lane) end
      woken[lane] = true
    end
    if not (open and h[8]) then
      if call('ZREM', P .. 'deadline', id) == 1 then note('-deadline') end
    elseif not (state == 'leased' and tonumber(h[8]) <= now) and call('ZADD', P .. 'deadline', 'CH', h[8], id) == 1 then note('+deadline') end
    if not gone and call('PERSIST', key) == 1 then note('kept for ever') end
  end
  changes[i - 1] = table.concat(changed, ' ')
end
flush()
return changes
