-- KEYS: counts halvings
-- ARGV: requests tokens most_requests most_tokens most_halvings force window_ms kept_ms
-- Counts requests and tokens of this minute if there is room for them, or if forced (1). 0 if there is none.
-- A sliding window: what this minute (window_ms) counted, and of the one before as much as lies in it still. While
-- the pace is halved a call counts double. One that is larger than the limit takes all of it.
local now = now_ms()
local minute = math.floor(now / window_ms)
local kept = redis.call('HMGET', counts, 'minute', 'requests', 'tokens', 'old_requests', 'old_tokens')
for i = 1, 5 do kept[i] = tonumber(kept[i]) or 0 end
local age = minute - kept[1]
if age == 1 then kept = {minute, 0, 0, kept[2], kept[3]} end
if age > 1 then kept = {minute, 0, 0, 0, 0} end
if force == '0' then
  local slowed = 2 ^ math.min(tonumber(redis.call('GET', halvings) or 0), tonumber(most_halvings))
  most_requests, most_tokens = tonumber(most_requests), tonumber(most_tokens)
  requests = math.min(requests * slowed, most_requests)
  tokens = math.min(tokens * slowed, most_tokens)
  local share = 1 - now % window_ms / window_ms
  if kept[4] * share + kept[2] + requests > most_requests then return 0 end
  if kept[5] * share + kept[3] + tokens > most_tokens then return 0 end
end
redis.call('HSET', counts, 'minute', kept[1], 'requests', kept[2] + requests,
  'tokens', kept[3] + tokens, 'old_requests', kept[4], 'old_tokens', kept[5])
redis.call('PEXPIRE', counts, kept_ms)
return 1
