#!lua flags=allow-oom
-- purge: forget ended tasks whose record is kept in the history file.
-- ARGV[1] ms for which an accepted task is kept while its patch waits to be applied, 'later' = all of these are kept;
-- ARGV[2..] ids
-- Result: how many were removed. An id that is open or unknown is left; so is one whose children are still to be told
-- or wait for it to be retried, or whose patch waits: it counts as ended now, and is looked at again when that is old.
local removed = 0
local function patch_waits(state, patch, at)
  if ARGV[1] == 'later' or patch == 'applying' then return true end
  return state == 'done' and (patch == 'proposed' or patch == 'conflict') and tonumber(at) > now - tonumber(ARGV[1])
end
for i = 2, #ARGV do
  local id = ARGV[i]
  local h = call('HMGET', P .. 't:' .. id, 'state', 'run', 'key', 'patch_state', 'at')
  local ended = h[1] and END_INDEX[h[1]]
  if ended and (patch_waits(h[1], h[4], h[5]) or call('ZSCORE', P .. 'fanout', id) or call('EXISTS', P .. 'waits:' .. id, P .. 'child:' .. id) > 0) then
    call('ZADD', P .. ended, now, id)
  elseif ended then
    call('DEL', P .. 't:' .. id)
    if h[3] then call('DEL', P .. 'key:' .. h[3]) end
    call('ZREM', P .. ended, id)
    counts[h[1]] = (counts[h[1]] or 0) - 1
    counts.purged = (counts.purged or 0) + 1
    local run = P .. 'run:' .. h[2]
    if call('HINCRBY', run, 'purged', 1) >= tonumber(call('HGET', run, 'total') or 0) then call('DEL', run) end
    removed = removed + 1
  end
end
flush()
return removed
