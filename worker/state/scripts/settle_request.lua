-- KEYS: lease requests tries
-- ARGV: token entry
-- Takes a request off its stream, and what was noted of its tries. -1 if the lease was lost.
if redis.call('GET', lease) ~= token then return -1 end
redis.call('HDEL', tries, entry)
return redis.call('XDEL', requests, entry)
