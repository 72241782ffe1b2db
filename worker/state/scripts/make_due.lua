-- KEYS: pending active due
-- ARGV: session from_us force
-- A session is due now, from a message on. 0 if something waits in it already, unless it is forced (1).
local waits = redis.call('HEXISTS', pending, session) + redis.call('HEXISTS', active, session)
if waits > 0 and force == '0' then return 0 end
local now, from = now_ms(), tonumber(from_us)
local stored = redis.call('HGET', pending, session)
local wait = {count = 0, tokens = 0, first_ms = now, from_us = from, ended = true}
if stored then
  wait = cmsgpack.unpack(stored)
  wait.from_us = math.min(wait.from_us, from)
end
redis.call('HSET', pending, session, cmsgpack.pack(wait))
redis.call('ZADD', due, now, session)
return 1
