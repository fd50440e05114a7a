#!lua flags=no-writes
-- sweep: what a host should know when it wakes: read only.
-- ARGV[1] age in ms after which an ended task is purged; ARGV[2] most ended tasks kept
-- Result: {now, next due time of a lease, a delay or a deadline ('' = none), 1 when children wait to be told,
--          ended tasks to purge now, when the next one is due ('' = none), {lane with work, ...}, {paused agent, ...}}
-- Of an idle engine little is asked: a sweep is most of what an idle fleet sends.
local next_due, fanout, lanes, paused = '', 0, {}, {}
if call('EXISTS', P .. 'leased', P .. 'delayed', P .. 'deadline', P .. 'fanout', P .. 'waiting', P .. 'paused') > 0 then
  for _, name in ipairs({ 'leased', 'delayed', 'deadline' }) do
    local first = call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')[2]
    if first and (next_due == '' or tonumber(first) < next_due) then next_due = tonumber(first) end
  end
  fanout, lanes, paused = call('EXISTS', P .. 'fanout'), call('SMEMBERS', P .. 'waiting'), call('HKEYS', P .. 'paused')
end
local purge, next_purge = 0, ''
local oldest = call('ZRANGE', P .. 'ended', 0, 0, 'WITHSCORES')[2]
if oldest then
  next_purge = tonumber(oldest) + tonumber(ARGV[1])
  purge = math.max(0, call('ZCARD', P .. 'ended') - tonumber(ARGV[2]))
  if next_purge <= now then purge = math.max(purge, call('ZCOUNT', P .. 'ended', '-inf', now - tonumber(ARGV[1]))) end
end
return { now, next_due, fanout, purge, next_purge, lanes, paused }
