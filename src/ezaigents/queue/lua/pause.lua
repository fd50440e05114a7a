#!lua flags=allow-oom
-- pause: agents take no more tasks, or take them again. Their tasks stay where they are, those at work go on.
-- ARGV[1] 'pause' or 'resume'; ARGV[2..] agents, '*' = all of them; 'resume' without any = everything that is paused
-- Result: {name, ...} paused now, '*' among them when everything is
if ARGV[1] == 'pause' then
  for i = 2, #ARGV do call('HSETNX', P .. 'paused', ARGV[i], now) end
elseif #ARGV == 1 then call('DEL', P .. 'paused')
else call('HDEL', P .. 'paused', unpack(ARGV, 2)) end
look = true -- a sweep tells every host who is paused, and which lanes have work
flush()
return call('HKEYS', P .. 'paused')
