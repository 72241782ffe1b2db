-- KEYS: lease events in_flight
-- ARGV: token count
-- The front of a stream: {tries, entries, failure, troubled_ms}; tries is -1 if the lease was lost.
-- in_flight: `first` (id at the front), `tries` of it, `failure` of the last one, `isolated` (entries still to be
-- taken one by one), `since` (when the trouble began, ms).
if redis.call('GET', lease) ~= token then return {-1, {}, '', 0} end
local isolated = tonumber(redis.call('HGET', in_flight, 'isolated') or 0)
if isolated > 0 then count = 1 end
local entries = redis.call('XRANGE', events, '-', '+', 'COUNT', count)
if #entries == 0 then
  redis.call('DEL', in_flight)
  return {0, entries, '', 0}
end
if redis.call('HGET', in_flight, 'first') ~= entries[1][1] then
  redis.call('HSET', in_flight, 'first', entries[1][1], 'tries', 0)
  redis.call('HDEL', in_flight, 'failure')
end
local tries = redis.call('HINCRBY', in_flight, 'tries', 1)
local now = now_ms()
if tries > 1 then redis.call('HSETNX', in_flight, 'since', now) end
if #entries > 1 and tries > 1 then
  redis.call('HSET', in_flight, 'isolated', #entries, 'tries', 1)
  redis.call('HDEL', in_flight, 'failure')
  tries, entries = 1, {entries[1]}
end
local since = tonumber(redis.call('HGET', in_flight, 'since') or now)
return {tries, entries, redis.call('HGET', in_flight, 'failure') or '', now - since}
