-- KEYS: lease journal applied undecided to_decide tries
-- ARGV: token user plan kept_ms says_undecided left undecided_ms
-- The plan was applied, and is known to be for a while; `left` is undecided from now on, where it says so, and
-- was not tried yet.
-- -1 if the lease was lost.
if redis.call('GET', lease) ~= token then return -1 end
local now = now_ms()
redis.call('HDEL', journal, user)
if says_undecided == '1' then
  redis.call('HDEL', tries, user)
  if left == '' then
    redis.call('DEL', undecided)
    redis.call('ZREM', to_decide, user)
  else
    redis.call('SET', undecided, left)
    redis.call('ZADD', to_decide, now + undecided_ms, user)
  end
end
redis.call('ZADD', applied, now, plan)
redis.call('ZREMRANGEBYSCORE', applied, '-inf', now - kept_ms)
return redis.call('PEXPIRE', applied, kept_ms)
