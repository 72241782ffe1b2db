-- KEYS: attempts
-- ARGV: item begun packed
-- How a try ended, if that is the last that began: what was settled or forgotten meanwhile leaves nothing, and what
-- another has begun is its own to end.
if redis.call('HGET', attempts, item) ~= begun then return 0 end
return redis.call('HSET', attempts, item, packed)
