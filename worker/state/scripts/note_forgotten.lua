-- KEYS: receipts expiries
-- ARGV: whom received_ms kept_ms
-- An older request, carried out late, shortens nothing. Each note clears away some that ran out.
local now = now_ms()
local known = tonumber(redis.call('HGET', receipts, whom) or '-1')
if tonumber(received_ms) > known then redis.call('HSET', receipts, whom, received_ms) end
redis.call('ZADD', expiries, now + kept_ms, whom)
for _, over in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', receipts, over)
  redis.call('ZREM', expiries, over)
end
redis.call('PEXPIRE', receipts, kept_ms)
redis.call('PEXPIRE', expiries, kept_ms)
