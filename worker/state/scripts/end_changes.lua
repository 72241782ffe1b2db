-- KEYS: lease journal applied
-- ARGV: token user plan kept_ms
-- The plan was applied, and is known to be for a while. -1 if the lease was lost.
if redis.call('GET', lease) ~= token then return -1 end
local now = now_ms()
redis.call('HDEL', journal, user)
redis.call('ZADD', applied, now, plan)
redis.call('ZREMRANGEBYSCORE', applied, '-inf', now - kept_ms)
return redis.call('PEXPIRE', applied, kept_ms)
