-- KEYS: due
-- ARGV: session delay_ms
redis.call('ZADD', due, 'XX', now_ms() + delay_ms, session)
