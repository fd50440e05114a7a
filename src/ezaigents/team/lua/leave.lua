#!lua flags=allow-oom
-- leave: a host goes, and is on no list from now on.
-- ARGV[1] host
-- Result: 1
call('DEL', P .. 'host:' .. ARGV[1])
call('ZREM', P .. 'hosts', ARGV[1])
return 1
