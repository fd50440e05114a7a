#!lua flags=allow-oom
-- patch: move a task's patch: to applying before the first file is written, to applied, conflict or proposed after.
-- ARGV[1] id; ARGV[2] 'applying', 'applied', 'conflict' or 'proposed'; ARGV[3] fence of this apply;
-- ARGV[4] the patch that is meant, '' = any; ARGV[5..] field, value, ... (what the attempt hands back; why a conflict)
-- Result: OK (also when repeated), STALE (a later apply has begun, or the patch is not one that may be applied), GONE.
-- A patch is applied by the holder of its task's claim, under the claim's fence, or once the task has ended. One that
-- was left half applied, and whose task nobody holds, is taken over by whoever comes with a higher fence.
local id, to, fence = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 't:' .. id
local h = call('HMGET', key, 'state', 'fence', 'patch_state', 'patch_fence', 'run', 'patch', 'partial')
local state, patch, before = h[1], h[3] or 'none', h[4]
if not state then return 'GONE' end
if patch == to and before == fence then return 'OK' end
if ARGV[4] ~= '' and ARGV[4] ~= h[6] then return 'STALE' end -- the task was done again meanwhile
if to == 'applying' then
  local by_holder = state == 'leased' and h[2] == fence and patch ~= 'applied'
  local by_user = END_INDEX[state] and (patch == 'proposed' or patch == 'conflict')
  local left_behind = state ~= 'leased' and patch == 'applying'
  if not (by_holder or by_user or left_behind) or (before and tonumber(before) > tonumber(fence)) then return 'STALE' end
elseif patch ~= 'applying' or before ~= fence then return 'STALE' end
call('HDEL', key, 'patch_error')
if state == 'leased' and to == 'conflict' then call('HDEL', key, 'partial') end -- the work is done again
call('HSET', key, 'patch_state', to, 'patch_fence', fence, 'patch_at', now, unpack(ARGV, 5))
if to == 'applied' and state == 'done' and not h[7] then call('HDEL', key, 'payload') end
call('XADD', P .. 'events', 'MAXLEN', '~', 2000, '*', 's', state, 'r', h[5], 't', id, 'p', to)
return 'OK'
