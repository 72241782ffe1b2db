-- KEYS: attempts
-- ARGV: item packed
-- How a try ended, if it is still known that it began: what was settled or forgotten meanwhile leaves nothing.
if redis.call('HEXISTS', attempts, item) == 0 then return 0 end
return redis.call('HSET', attempts, item, packed)
