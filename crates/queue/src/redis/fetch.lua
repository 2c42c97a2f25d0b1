-- Leases up to `limit` ids: first those whose lease ran out, then those that are due, of each group in
-- turn.
-- KEYS: turns, lease. ARGV: what the keys of groups begin with, now, end of the new leases, when to look
-- again, limit.
local turns, lease = KEYS[1], KEYS[2]
local due_of, now, lease_end, recheck, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local taken = redis.call('ZRANGEBYSCORE', lease, '-inf', now, 'LIMIT', 0, limit)
for _, id in ipairs(taken) do
  redis.call('ZADD', lease, lease_end, id)
end

while #taken < limit do
  local groups = redis.call('ZRANGEBYSCORE', turns, '-inf', '(' .. now + 1, 'LIMIT', 0, limit - #taken)
  if #groups == 0 then
    break
  end
  local share = math.floor((limit - #taken) / #groups)
  for _, group in ipairs(groups) do
    local due = due_of .. group
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, share)) do
      if redis.call('ZSCORE', lease, id) then
        -- Woken again while somebody works on it: out of the way of the others, but not forgotten.
        redis.call('ZADD', due, recheck, id)
      else
        redis.call('ZREM', due, id)
        redis.call('ZADD', lease, lease_end, id)
        taken[#taken + 1] = id
      end
    end
    local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
    if first then
      -- Behind all whose turn is due: later than those served before it in this millisecond.
      local turn = now + #taken / (limit + 1)
      redis.call('ZADD', turns, math.max(tonumber(first), turn), group)
    else
      redis.call('ZREM', turns, group)
    end
  end
end

return taken
