#!lua flags=allow-oom
-- claim: lease up to n tasks of each lane to a host, with a fence each; nothing is popped before it is leased.
-- ARGV[1] nonce; ARGV[2] host; ARGV[3] lease ms; ARGV[4..] pairs lane, n
-- Result: packed array of {id, fence, run, lane, kind, title, payload, attempt, crashes, deadline, until, patch state,
--         answers, words with the newest};
--         the nonce of the host's last claim gets the same tasks again, as far as their claims still hold.
-- Nothing is taken from the lanes of an agent that is paused.
local lease_until = now + tonumber(ARGV[3])
local function handed(id, fence, lane, h, til)
  local crashes = tonumber(h[6] or 0)
  return { id, fence, h[1], lane, h[2] or 'analyze', h[3] or '', h[4] or '', tonumber(h[5] or 0) + crashes + 1, crashes, tonumber(h[7] or 0), til, h[9] or 'none', h[10] or '', h[11] or '', tonumber(h[12] or 0) }
end
local function read(id, ...) return call('HMGET', P .. 't:' .. id, 'run', 'kind', 'title', 'payload', 'attempts', 'crashes', 'deadline', 'state', 'patch_state', 'answers', 'answer_why', 'patch_fence', ...) end
local out = {}
local before = call('GET', P .. 'claim:' .. ARGV[2])
if before and string.match(before, '^%S+') == ARGV[1] then
  for id, fence in string.gmatch(string.sub(before, #ARGV[1] + 2), '(%S+) (%S+)') do
    local h = read(id, 'fence', 'lane')
    if h[8] == 'leased' and h[13] == fence then
      out[#out + 1] = handed(id, fence, h[14], h, tonumber(call('ZSCORE', P .. 'leased', id) or now))
    end
  end
  return cmsgpack.pack(out)
end
local micros = tonumber(engine_time[1]) * 1000000 + tonumber(engine_time[2])
local fence = math.max(tonumber(call('GET', P .. 'fence') or 0), micros - 1)
local leases, answered, paused = {}, {}, {}
for _, name in ipairs(call('HKEYS', P .. 'paused')) do paused[name] = true end
for i = 4, #ARGV, 2 do
  local lane = ARGV[i]
  local rests = paused['*'] or paused[string.match(lane, '^[^@]*')]
  local popped = rests and {} or call('ZPOPMIN', P .. 'ready:' .. lane, ARGV[i + 1])
  local taken = #out
  for j = 1, #popped, 2 do
    local id = popped[j]
    local h = read(id)
    local whole = h[8] == 'ready' and h[1] -- else it stood here by mistake, and is only taken out
    if whole and h[7] and tonumber(h[7]) <= now then
      call('ZREM', P .. 'deadline', id)
      end_task(id, h[1], 'ready', 'dead', call('HGET', P .. 't:' .. id, 'kids'), { 'error', 'deadline' })
    elseif whole then
      fence = fence + 1
      local f = string.format('%.0f', fence)
      call('HSET', P .. 't:' .. id, 'state', 'leased', 'owner', ARGV[2], 'fence', f)
      leases[#leases + 1] = lease_until
      leases[#leases + 1] = id
      answered[#answered + 1] = id .. ' ' .. f
      out[#out + 1] = handed(id, f, lane, h, lease_until)
      moved(id, h[1], 'ready', 'leased')
    end
  end
  if #popped > 0 and call('EXISTS', P .. 'ready:' .. lane) == 0 then call('SREM', P .. 'waiting', lane)
  elseif #popped > 2 * (#out - taken) then woken[lane] = true end -- fewer than asked for, and yet there is more
end
if #leases > 0 then
  in_parts('ZADD', P .. 'leased', leases)
  call('SET', P .. 'fence', string.format('%.0f', fence))
  call('SET', P .. 'claim:' .. ARGV[2], ARGV[1] .. ' ' .. table.concat(answered, ' '), 'PX', ARGV[3])
end
flush()
return cmsgpack.pack(out)
