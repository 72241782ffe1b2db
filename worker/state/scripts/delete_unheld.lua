-- KEYS: lease stream
-- ARGV: most_in_flight entries...
-- Deletes entries: {deleted, left because a drain may hold them}. Its rows would come after all.
local held = {}
if most_in_flight ~= '0' and redis.call('EXISTS', lease) == 1 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', most_in_flight)) do held[entry[1]] = true end
end
local deleted, left = 0, 0
for _, entry in ipairs(entries) do
  if held[entry] then left = left + 1 else deleted = deleted + redis.call('XDEL', stream, entry) end
end
return {deleted, left}
