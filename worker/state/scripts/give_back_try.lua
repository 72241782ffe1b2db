-- KEYS: in_flight
-- ARGV: first
-- A try that ended through no fault of the front does not count, if that still is the front: it may be another's.
if redis.call('HGET', in_flight, 'first') ~= first then return 0 end
if tonumber(redis.call('HGET', in_flight, 'tries') or 0) > 0 then redis.call('HINCRBY', in_flight, 'tries', -1) end
return 1
