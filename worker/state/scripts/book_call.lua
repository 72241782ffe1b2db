-- KEYS: cost unbooked
-- ARGV: name delay_ms kept_ms amounts...
-- Adds what a call used to the sums of an owner's day, which become a row after the delay.
for place = 1, #amounts, 2 do redis.call('HINCRBY', cost, amounts[place], amounts[place + 1]) end
redis.call('PEXPIRE', cost, kept_ms)
redis.call('ZADD', unbooked, 'NX', now_ms() + delay_ms, name)
