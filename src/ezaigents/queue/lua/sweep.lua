#!lua flags=no-writes
-- sweep: what a host should know when it wakes: read only.
-- ARGV[1] age in ms after which an ended task is purged; ARGV[2] most ended tasks kept
-- Result: {now, next due time of a lease, a delay or a deadline ('' = none), 1 when children wait to be told,
--          ended tasks to purge now, when the next one is due ('' = none), {lane with work, ...}}
local next_due
for _, name in ipairs({ 'leased', 'delayed', 'deadline' }) do
  local first = call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')[2]
  if first and (not next_due or tonumber(first) < next_due) then next_due = tonumber(first) end
end
local total = call('ZCARD', P .. 'ended')
local old = call('ZCOUNT', P .. 'ended', '-inf', now - tonumber(ARGV[1]))
local purge = math.max(old, total - tonumber(ARGV[2]))
local oldest = call('ZRANGE', P .. 'ended', 0, 0, 'WITHSCORES')[2]
return { now, next_due or '', call('EXISTS', P .. 'fanout'), purge,
  oldest and tonumber(oldest) + tonumber(ARGV[1]) or '', call('SMEMBERS', P .. 'waiting') }
