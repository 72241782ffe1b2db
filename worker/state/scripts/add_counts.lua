-- KEYS: counts reported
-- ARGV: number kept_ms amounts...
-- Adds amounts, name after name, unless this report or a later one of the same process was applied: 1, or 0.
if tonumber(redis.call('GET', reported) or 0) >= tonumber(number) then return 0 end
for place = 1, #amounts, 2 do redis.call('HINCRBYFLOAT', counts, amounts[place], amounts[place + 1]) end
redis.call('HSETNX', counts, 'since', now_ms())
redis.call('SET', reported, number, 'PX', kept_ms)
return 1
