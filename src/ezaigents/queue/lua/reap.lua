#!lua flags=allow-oom
-- reap: put back the tasks whose lease ended: their host crashed, or lost its claims.
-- ARGV[1] most tasks; ARGV[2] '' = those past their lease, else a dead host's name = all of its own;
-- ARGV[3] crashes that make a suspect; ARGV[4] solo crashes that make it dead
-- Result: {{id, its new state}, ...}. A suspect waits in the quarantine lane 'agent@place!', where it runs alone.
-- One that was to be cancelled is cancelled; one past its deadline is dead.
local ids = {}
if ARGV[2] == '' then
  ids = call('ZRANGEBYSCORE', P .. 'leased', '-inf', now, 'LIMIT', 0, ARGV[1])
else
  for _, id in ipairs(call('ZRANGE', P .. 'leased', 0, -1)) do
    if #ids < tonumber(ARGV[1]) and call('HGET', P .. 't:' .. id, 'owner') == ARGV[2] then ids[#ids + 1] = id end
  end
end
local out = {}
for i, id in ipairs(ids) do
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'lane', 'rank', 'seq', 'kids', 'crashes', 'solo_crashes', 'cancel', 'deadline')
  call('ZREM', P .. 'leased', id)
  if h[1] == 'leased' then
    local lane, alone = h[3], string.sub(h[3], -1) == '!'
    local crashes, solo = tonumber(h[7] or 0) + 1, tonumber(h[8] or 0) + (alone and 1 or 0)
    call('HSET', P .. 't:' .. id, 'crashes', crashes, 'solo_crashes', solo)
    local to, why = ends_unfinished(h[9], h[10])
    if to ~= 'cancelled' and solo >= tonumber(ARGV[4]) then to, why = 'dead', { 'error', 'crashed' } end
    if to then
      call('ZREM', P .. 'deadline', id)
      end_task(id, h[2], 'leased', to, h[6], why)
    else
      to = 'ready'
      if crashes >= tonumber(ARGV[3]) and not alone then lane = lane .. '!' end
      call('HSET', P .. 't:' .. id, 'state', 'ready', 'lane', lane)
      make_ready(id, lane, h[4], h[5])
      moved(id, h[2], 'leased', 'ready')
    end
    out[#out + 1] = { id, to }
  end
end
flush()
return out
