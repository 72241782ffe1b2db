-- KEYS: confirm written unindexed searchable
-- ARGV: name user document lag_ms kept
-- A memory is looked for no more, and announced. 0 if it was taken off meanwhile: then it is not.
if redis.call('ZREM', confirm, name) == 0 then return 0 end
redis.call('ZREM', written, name)
redis.call('ZREM', unindexed, document)
redis.call('XADD', searchable, 'MAXLEN', '~', kept, '*',
  'user_id', user, 'document_id', document, 'lag_ms', lag_ms)
return 1
