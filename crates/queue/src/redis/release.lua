-- Ends leases now: their ids are the next to be fetched.
-- KEYS: lease. ARGV: now, end of the leases, ids.
for i = 3, #ARGV do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i])) == tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
  end
end
