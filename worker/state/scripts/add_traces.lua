-- Traces of what waits in a session: the first sixteen; of those that are not recorded none but the very first.
local function add_traces(wait, more)
  local known, seen = wait.traces or {}, {}
  for _, trace in ipairs(known) do seen[trace] = true end
  for _, trace in ipairs(more or {}) do
    local is_sampled = tonumber(string.sub(trace, -1), 16) % 2 == 1
    if not seen[trace] and (#known == 0 or is_sampled and #known < 16) then
      known[#known + 1], seen[trace] = trace, true
      wait.traces = known
    end
  end
end
