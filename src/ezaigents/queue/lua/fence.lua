#!lua flags=allow-oom
-- fence: give out one number above all before it, for whoever works without a claim: the user who applies a patch.
-- ARGV: none. Result: the fence, as text; a repetition gets another, higher one
local micros = tonumber(engine_time[1]) * 1000000 + tonumber(engine_time[2])
local fence = string.format('%.0f', math.max(tonumber(call('GET', P .. 'fence') or 0), micros - 1) + 1)
call('SET', P .. 'fence', fence)
return fence
