-- KEYS: counts calls
-- ARGV: call tokens most_requests most_tokens most_at_first call_ms window_ms kept_ms
-- WITH: sliding_window
-- Counts a call and holds a place for it if there is room, else 0. One that is larger than the limit takes all of it.
local now = now_ms()
local kept = slid(counts, now, window_ms)
local share = 1 - now % window_ms / window_ms
tokens = math.min(tonumber(tokens), tonumber(most_tokens))
if kept[4] * share + kept[2] + 1 > tonumber(most_requests) then return 0 end
if kept[5] * share + kept[3] + tokens > tonumber(most_tokens) then return 0 end
local most, pause = unpack(redis.call('HMGET', counts, 'most', 'pause_until'))
if now < (tonumber(pause) or 0) then return 0 end
redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
if redis.call('ZCARD', calls) >= math.floor(tonumber(most) or tonumber(most_at_first)) then return 0 end
keep(counts, kept, 1, tokens, kept_ms)
redis.call('ZADD', calls, now + call_ms, call)
redis.call('PEXPIRE', calls, call_ms)
return 1
