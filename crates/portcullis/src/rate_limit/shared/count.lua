-- Counts one request under each key, or under none. KEYS: whom. ARGV: for each its limit and its window in microseconds.
-- Gives whether it is allowed, then for each key the requests within the window and the microseconds until more are allowed.
-- The clock is that of Redis alone: those of the nodes need not agree.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = string.format('%.0f', now)
local allowed = 1
local live = {}
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - window do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  live[i] = redis.call('LLEN', key)
  -- The clock was set back: what seems to be in the future was just now, so that nobody waits for more than a window.
  local at = live[i] - 1
  while at >= 0 and tonumber(redis.call('LINDEX', key, at)) > now do
    redis.call('LSET', key, at, text)
    at = at - 1
  end
  if live[i] >= limit then allowed = 0 end
end
local reply = { allowed }
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  if allowed == 1 then
    redis.call('RPUSH', key, text)
    redis.call('PEXPIRE', key, math.ceil(window / 1000))
    live[i] = live[i] + 1
  end
  reply[2 * i] = live[i]
  local leaving = redis.call('LINDEX', key, math.max(live[i] - limit, 0))
  local left = 0
  if leaving then left = math.min(math.max(tonumber(leaving) + window - now, 0), window) end
  reply[2 * i + 1] = left
end
return reply
