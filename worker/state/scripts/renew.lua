-- KEYS: lease
-- ARGV: token ttl_ms
-- Holds the lease for longer. 0 if it is somebody else's or nobody's.
if redis.call('GET', lease) ~= token then return 0 end
return redis.call('PEXPIRE', lease, ttl_ms)
