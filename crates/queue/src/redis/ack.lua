-- Ends leases, unless somebody else holds them by now.
-- KEYS: lease. ARGV: id and end of its lease, for each.
for i = 1, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i])) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
