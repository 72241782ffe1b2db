-- KEYS: cost unbooked
-- ARGV: name calls delay_ms
-- A row with so many calls was written: it is done, or due again if there were more since. 0 if the sums are gone.
local now = redis.call('HGET', cost, 'calls')
if now and now ~= calls then
  redis.call('ZADD', unbooked, 'XX', now_ms() + delay_ms, name)
else
  redis.call('ZREM', unbooked, name)
end
return now and 1 or 0
