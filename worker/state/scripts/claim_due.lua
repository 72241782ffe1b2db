-- KEYS: due
-- ARGV: hold_ms limit
-- The sessions due now, by when they were; each falls due again after a while, in case it is lost.
local now = now_ms()
local claimed = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)
for _, session in ipairs(claimed) do redis.call('ZADD', due, now + hold_ms, session) end
return claimed
