-- Reason, microseconds of delay, whether an attempt is used (1 or 0), most attempts; then of each
-- lease its id and nonce. For each, whether it was held.
local due = now_us() + tonumber(ARGV[2])
local is_used, most = ARGV[3] == '1', tonumber(ARGV[4])
local held = {}
for place = 5, #ARGV, 2 do
    local id = ARGV[place]
    local is_held = redis.call('HGET', NONCES, id) == ARGV[place + 1]
    if is_held then
        if is_used and attempts_of(id) >= most then
            bury(id, ARGV[1])
        else
            redis.call('ZREM', LEASES, id)
            redis.call('ZADD', DELAYED, due, id)
            redis.call('HDEL', NONCES, id)
            redis.call('HDEL', HOLDERS, id)
            if not is_used then redis.call('HINCRBY', ATTEMPTS, id, -1) end
        end
    end
    held[#held + 1] = is_held and 1 or 0
end
return held
