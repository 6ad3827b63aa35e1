-- Of each lease its id and nonce. For each, whether it was held.
local held, done = {}, 0
for place = 1, #ARGV, 2 do
    local id = ARGV[place]
    local is_held = redis.call('HGET', NONCES, id) == ARGV[place + 1]
    if is_held then
        redis.call('ZREM', LEASES, id)
        for _, key in ipairs({BODIES, NONCES, ATTEMPTS, HOLDERS}) do
            redis.call('HDEL', key, id)
        end
        done = done + 1
    end
    held[#held + 1] = is_held and 1 or 0
end
if done > 0 then redis.call('HINCRBY', COUNTS, 'done', done) end
return held
