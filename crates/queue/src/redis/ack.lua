-- Ends a lease, unless somebody else holds it by now.
-- KEYS: lease. ARGV: id, end of the lease.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
