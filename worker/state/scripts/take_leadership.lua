-- KEYS: leader
-- ARGV: token ttl_ms
-- 1 if the caller leads for so long from now on, 0 if another does.
local holder = redis.call('GET', leader)
if holder and holder ~= token then return 0 end
redis.call('SET', leader, token, 'PX', ttl_ms)
return 1
