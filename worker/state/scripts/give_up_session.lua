-- KEYS: due given_up
-- ARGV: session reason
-- What waits no more was forgotten meanwhile, and leaves no reason behind.
if redis.call('ZREM', due, session) == 0 then return 0 end
return redis.call('HSET', given_up, session, reason)
