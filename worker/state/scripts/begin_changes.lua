-- KEYS: lease journal
-- ARGV: token user entry
-- What is about to change for a user. -1 if the lease was lost.
if redis.call('GET', lease) ~= token then return -1 end
return redis.call('HSET', journal, user, entry)
