-- KEYS: dead stream
-- ARGV: entry event_field received_field received_ms
-- The event of a dead letter goes to the end of a stream. 0 if the letter is gone: it was put back already.
local found = redis.call('XRANGE', dead, entry, entry)
if #found == 0 then return 0 end
local fields = found[1][2]
for i = 1, #fields, 2 do
  if fields[i] == event_field then
    redis.call('XADD', stream, '*', event_field, fields[i + 1], received_field, received_ms)
  end
end
return redis.call('XDEL', dead, entry)
