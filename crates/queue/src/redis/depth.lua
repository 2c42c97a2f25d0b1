-- How many ids wait, and how many are leased.
-- KEYS: turns, lease. ARGV: what the keys of groups begin with.
local waiting = 0
-- The epoch's marker, at +inf, is not a group.
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(+inf')) do
  waiting = waiting + redis.call('ZCARD', ARGV[1] .. group)
end
return { waiting, redis.call('ZCARD', KEYS[2]) }
