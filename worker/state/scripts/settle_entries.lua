-- KEYS: lease events requests dead in_flight settled
-- ARGV: token ttl_ms work raws...
-- Takes settled entries off the stream, in one step with what takes their place. The entries left; -1 if the
-- lease was lost: nothing is changed then. Raw events travel beside the msgpack, as Lua's reader knows no binary
-- strings: `raw` in it is a number, their place in raws.
if redis.call('GET', lease) ~= token then return -1 end
redis.call('PEXPIRE', lease, ttl_ms)
work = cmsgpack.unpack(work)
for _, moved in ipairs(work.requests) do
  redis.call('XADD', requests, '*', work.event_field, raws[moved.raw], work.received_field, moved.received_ms)
end
for _, letter in ipairs(work.dead) do
  redis.call('XADD', dead, '*', work.event_field, raws[letter.raw], work.received_field, letter.received_ms,
    'reason', letter.reason, 'error', letter.error, 'queue', work.queue, 'entry', letter.entry,
    'deliveries', work.deliveries)
end
for what, count in pairs(work.settled) do
  if count > 0 then redis.call('HINCRBY', settled, what, count) end
end
if #work.ids > 0 then redis.call('XDEL', events, unpack(work.ids)) end
local isolated = tonumber(redis.call('HGET', in_flight, 'isolated') or 0) - #work.ids
local since = redis.call('HGET', in_flight, 'since')
redis.call('DEL', in_flight)
if isolated > 0 then redis.call('HSET', in_flight, 'isolated', isolated, 'since', since) end
return redis.call('XLEN', events)
