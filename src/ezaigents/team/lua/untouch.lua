#!lua flags=allow-oom
-- untouch: a task leaves the radar. What a later attempt says stays.
-- ARGV[1] task; ARGV[2] its fence
-- Result: 'OK', also where there was nothing
if call('HGET', P .. 'files:' .. ARGV[1], '/fence') == ARGV[2] then call('DEL', P .. 'files:' .. ARGV[1]) end
return 'OK'
