-- Microseconds; then of each lease its id and nonce. For each, whether it is held.
local until_us = now_us() + tonumber(ARGV[1])
local held = {}
for place = 2, #ARGV, 2 do
    local is_held = redis.call('HGET', NONCES, ARGV[place]) == ARGV[place + 1]
    if is_held then redis.call('ZADD', LEASES, until_us, ARGV[place]) end
    held[#held + 1] = is_held and 1 or 0
end
return held
