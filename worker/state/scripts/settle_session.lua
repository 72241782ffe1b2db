-- KEYS: pending active due given_up
-- ARGV: session
-- What was active is extracted. The session stays due if something came meanwhile.
redis.call('HDEL', active, session)
redis.call('HDEL', given_up, session)
if redis.call('HEXISTS', pending, session) == 0 then redis.call('ZREM', due, session) end
