-- Ids of dead items. How many there were.
local now, revived = now_us(), 0
for _, id in ipairs(ARGV) do
    if redis.call('ZREM', DEAD, id) == 1 then
        redis.call('HDEL', REASONS, id)
        redis.call('HDEL', ATTEMPTS, id)
        redis.call('ZADD', DELAYED, now, id)
        revived = revived + 1
    end
end
if revived > 0 then redis.call('HINCRBY', COUNTS, 'dead', -revived) end
return revived
