-- A sliding window in a hash: what this minute (window_ms) counted, and of the one before as much as lies in it still.
local function slid(counts, now, window_ms)
  local minute = math.floor(now / window_ms)
  local kept = redis.call('HMGET', counts, 'minute', 'requests', 'tokens', 'old_requests', 'old_tokens')
  for i = 1, 5 do kept[i] = tonumber(kept[i]) or 0 end
  local age = minute - kept[1]
  if age == 1 then kept = {minute, 0, 0, kept[2], kept[3]} end
  if age > 1 then kept = {minute, 0, 0, 0, 0} end
  return kept
end
local function keep(counts, kept, requests, tokens, kept_ms)
  redis.call('HSET', counts, 'minute', kept[1], 'requests', kept[2] + requests,
    'tokens', kept[3] + tokens, 'old_requests', kept[4], 'old_tokens', kept[5])
  redis.call('PEXPIRE', counts, kept_ms)
end
