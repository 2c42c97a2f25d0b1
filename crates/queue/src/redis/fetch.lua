-- Leases up to `limit` ids: first those whose lease ran out, then those that are due.
-- KEYS: due, lease. ARGV: now, end of the new leases, when to look again, limit.
local due, lease = KEYS[1], KEYS[2]
local now, lease_end, recheck, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local taken = redis.call('ZRANGEBYSCORE', lease, '-inf', now, 'LIMIT', 0, limit)
for _, id in ipairs(taken) do
  redis.call('ZADD', lease, lease_end, id)
end

while #taken < limit do
  local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit - #taken)
  if #ids == 0 then
    break
  end
  for _, id in ipairs(ids) do
    if redis.call('ZSCORE', lease, id) then
      -- Woken again while somebody works on it: out of the way of the others, but not forgotten.
      redis.call('ZADD', due, recheck, id)
    else
      redis.call('ZREM', due, id)
      redis.call('ZADD', lease, lease_end, id)
      taken[#taken + 1] = id
    end
  end
end

return taken
