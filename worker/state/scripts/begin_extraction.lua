-- KEYS: pending active
-- ARGV: session
-- WITH: add_traces
-- What waits in a session is active now. What a lost extraction had taken is joined with what came since.
local waiting = redis.call('HGET', pending, session)
local taken = redis.call('HGET', active, session)
if not waiting then return taken end
local wait = cmsgpack.unpack(waiting)
if taken then
  local old = cmsgpack.unpack(taken)
  wait.from_us = math.min(wait.from_us, old.from_us)
  wait.count = wait.count + old.count
  wait.first_ms = math.min(wait.first_ms, old.first_ms)
  add_traces(old, wait.traces)
  wait.traces = old.traces
end
local joined = cmsgpack.pack(wait)
redis.call('HSET', active, session, joined)
redis.call('HDEL', pending, session)
return joined
