-- Added, done, dead, leased, delayed.
local now = string.format('(%.0f', now_us())
return {
    tonumber(redis.call('HGET', COUNTS, 'added') or '0'),
    tonumber(redis.call('HGET', COUNTS, 'done') or '0'),
    tonumber(redis.call('HGET', COUNTS, 'dead') or '0'),
    redis.call('ZCOUNT', LEASES, now, '+inf'),
    redis.call('ZCOUNT', DELAYED, now, '+inf'),
}
