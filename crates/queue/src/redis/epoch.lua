-- The marker of this life of the data. It is a member of `turns` that never falls due, rather than a
-- key of its own, so that it cannot survive what it vouches for.
-- KEYS: turns, and where ids of all groups lay together in version 0.1.0: a new epoch makes up for them.
-- ARGV: the marker to set if there is none.
redis.call('UNLINK', KEYS[2])
local marker = redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf', 'LIMIT', 0, 1)[1]
if not marker then
  marker = ARGV[1]
  redis.call('ZADD', KEYS[1], '+inf', marker)
end
return marker
