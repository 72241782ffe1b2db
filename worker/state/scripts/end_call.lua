-- KEYS: counts calls
-- ARGV: call outcome tokens most_at_first more less slowly_ms first_pause_ms longest_pause_ms window_ms kept_ms
-- WITH: sliding_window
-- Counts the tokens a call used beyond what was thought, and learns from its outcome how many may be under way. What
-- is under way by half of what may be says nothing of more.
local now = now_ms()
local under_way = redis.call('ZCARD', calls)
redis.call('ZREM', calls, call)
keep(counts, slid(counts, now, window_ms), 0, tonumber(tokens), kept_ms)
local most, refused_ms, refusals = unpack(redis.call('HMGET', counts, 'most', 'refused_ms', 'refusals'))
most, refused_ms, refusals = tonumber(most) or tonumber(most_at_first), tonumber(refused_ms), tonumber(refusals) or 0
if outcome == 'refused' then
  refusals = refusals + 1
  local pause = math.min(first_pause_ms * 2 ^ (refusals - 2), tonumber(longest_pause_ms))
  if refusals > 1 then redis.call('HSET', counts, 'pause_until', now + math.floor(pause)) end
  redis.call('HSET', counts, 'most', math.max(1, most - less), 'refused_ms', now, 'refusals', refusals)
elseif outcome == 'answered' then
  local slowly = refused_ms and now - refused_ms < tonumber(slowly_ms)
  if under_way * 2 >= most then most = most + (slowly and tonumber(more) or 1) end
  redis.call('HSET', counts, 'most', most, 'refusals', 0)
end
