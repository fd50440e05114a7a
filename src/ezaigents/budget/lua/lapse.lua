#!lua flags=allow-oom
-- lapse: end holds whose time has come, as spent.
-- ARGV[1] most to end
-- Result: how many; as many as asked for: there may be more
return lapse(tonumber(ARGV[1]))
