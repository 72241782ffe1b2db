-- KEYS: confirm written unindexed traced searchable
-- ARGV: name user document lag_ms kept
-- A memory is looked for no more, and announced. Returns the trace in which it was written, if any; nothing if
-- it was taken off meanwhile: then it is not announced.
if redis.call('ZREM', confirm, name) == 0 then return false end
local trace = redis.call('HGET', traced, name)
redis.call('HDEL', traced, name)
redis.call('ZREM', written, name)
redis.call('ZREM', unindexed, document)
redis.call('XADD', searchable, 'MAXLEN', '~', kept, '*',
  'user_id', user, 'document_id', document, 'lag_ms', lag_ms)
return trace or ''
