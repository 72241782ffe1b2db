-- KEYS: active
-- ARGV: session through
-- What was taken is extracted up to there. Where the watermark alone tells where to begin, it goes on doing so.
local taken = redis.call('HGET', active, session)
if not taken then return end
local wait = cmsgpack.unpack(taken)
if wait.from_us > tonumber(through) then return end
wait.from_us = tonumber(through) + 1
redis.call('HSET', active, session, cmsgpack.pack(wait))
