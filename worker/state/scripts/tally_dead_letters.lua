-- KEYS: dead
-- ARGV: most
-- How many letters there are by queue and error; of more than `most`, the newest.
local tally = {}
for _, letter in ipairs(redis.call('XREVRANGE', dead, '+', '-', 'COUNT', most)) do
  local queue, error = '', ''
  for place = 1, #letter[2], 2 do
    if letter[2][place] == 'queue' then queue = letter[2][place + 1] end
    if letter[2][place] == 'error' then error = letter[2][place + 1] end
  end
  local name = queue .. ' ' .. error
  tally[name] = (tally[name] or 0) + 1
end
local answer = {}
for name, count in pairs(tally) do answer[#answer + 1] = { name, count } end
return answer
