-- Makes leased ids due again. A wake-up that came in the meantime knows better when.
-- KEYS: due, lease. ARGV: now, end of the leases, ids.
for i = 3, #ARGV do
  local id = ARGV[i]
  if tonumber(redis.call('ZSCORE', KEYS[2], id)) == tonumber(ARGV[2]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[1], 'NX', ARGV[1], id)
  end
end
