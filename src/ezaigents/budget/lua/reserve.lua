#!lua
-- reserve: set money aside for one call, in every scope it counts against, or in none.
-- ARGV[1] the hold's name; [2] task, '' = the call belongs to none; [3] run, '' = one without a limit of its own; [4] agent;
-- [5] amount, [6] the least that will do, micro-dollars (5 = 0: a free call, which no limit refuses);
-- [7] ms after which it ends by itself, as spent; [8] most other holds to end whose time has come;
-- [9] to [13] limits of task, run, agent and day, day, everything, micro-dollars;
-- [14] '1' = simulated: all but task and run are those of simulated models, apart from the real ones;
-- [15] the model that is asked, '' = not to be counted; it has no limit of its own
-- Result: {OK, granted}, the same when repeated; {SETTLED}: its holder has ended it before;
--         {REFUSED, scope, its limit, spent, reserved}: the tightest scope; nothing was set aside
lapse(tonumber(ARGV[8]))
local name = ARGV[1]
local held = call('HGET', P .. 'hold:' .. name, 'amount')
if held then return { 'OK', held } end
local ended = call('HMGET', P .. 'settled:' .. name, 'how', 'amount')
if ended[1] then return ended[1] == 'lapsed' and { 'OK', ended[2] } or { 'SETTLED' } end

local day, amount, least = day_of(now), tonumber(ARGV[5]), math.max(1, tonumber(ARGV[6]))
local limits = {}
if ARGV[2] ~= '' then limits[1] = { 'task:' .. ARGV[2], ARGV[9] } end
if ARGV[3] ~= '' then limits[#limits + 1] = { 'run:' .. ARGV[3], ARGV[10] } end
local sim = ARGV[14] == '1' and 'sim-' or ''
limits[#limits + 1] = { sim .. 'agent:' .. ARGV[4] .. ':' .. day, ARGV[11] }
limits[#limits + 1] = { sim .. 'day:' .. day, ARGV[12] }
limits[#limits + 1] = { sim .. 'all', ARGV[13] }

local granted, tightest = amount, nil
for _, one in ipairs(limits) do
  local h = call('HMGET', P .. 'budget:' .. one[1], 'spent', 'reserved')
  local room = tonumber(one[2]) - tonumber(h[1] or 0) - tonumber(h[2] or 0)
  if amount > 0 and room < granted then
    granted, tightest = room, { 'REFUSED', one[1], one[2], h[1] or '0', h[2] or '0' }
  end
end
if tightest and granted < least then return tightest end

if (ARGV[15] or '') ~= '' then limits[#limits + 1] = { sim .. 'model:' .. ARGV[15] .. ':' .. day } end
local scopes = {}
for i, one in ipairs(limits) do
  if one[2] then call('HSET', P .. 'budget:' .. one[1], 'limit', one[2]) end
  move(one[1], { reserved = granted })
  scopes[i] = one[1]
end
local ends = now + tonumber(ARGV[7])
call('HSET', P .. 'hold:' .. name, 'amount', granted, 'scopes', table.concat(scopes, ' '), 'until', ends)
call('ZADD', P .. 'holds', ends, name)
return { 'OK', string.format('%.0f', granted) }
