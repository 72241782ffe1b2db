-- KEYS: pending due
-- ARGV: work
-- WITH: add_traces
-- Lets sessions wait for extraction. A session is due at once when it is over, has N messages or K tokens; else
-- after it was idle for a while, and at the latest when its first waiting message has waited long enough.
work = cmsgpack.unpack(work)
local now, policy = now_ms(), work.policy
for _, activity in ipairs(work.sessions) do
  local stored = redis.call('HGET', pending, activity.member)
  local wait = {count = 0, tokens = 0, first_ms = now, from_us = activity.from_us, ended = false}
  if stored then wait = cmsgpack.unpack(stored) end
  wait.count = wait.count + activity.count
  wait.tokens = wait.tokens + activity.tokens
  wait.from_us = math.min(wait.from_us, activity.from_us)
  wait.ended = wait.ended or activity.ended
  add_traces(wait, activity.traces)
  redis.call('HSET', pending, activity.member, cmsgpack.pack(wait))
  local at = math.min(now + policy.idle_ms, wait.first_ms + policy.max_wait_ms)
  if wait.ended or wait.count >= policy.max_messages or wait.tokens >= policy.max_tokens then at = now end
  redis.call('ZADD', due, at, activity.member)
end
