-- KEYS: lease
-- ARGV: token
if redis.call('GET', lease) ~= token then return 0 end
return redis.call('DEL', lease)
