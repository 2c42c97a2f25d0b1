-- Replaces a note if it is what its writer believes; empty is none. Returns what was there.
-- KEYS: notes. ARGV: name, old, new, the most notes there may be, seconds until all are forgotten.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found == ARGV[2] then
  if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
  elseif found ~= '' or redis.call('HLEN', KEYS[1]) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[5])
  end
end
return found
