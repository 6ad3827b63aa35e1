-- Holder, count, microseconds, nonce, most attempts. The end of the leases; then of each item its
-- id, attempt and body.
local holder, count, nonce = ARGV[1], tonumber(ARGV[2]), ARGV[4]
local most = tonumber(ARGV[5])
local now = now_us()
local until_us = now + tonumber(ARGV[3])
local answer = {string.format('%.0f', until_us)}

local function lease(id)
    redis.call('ZADD', LEASES, until_us, id)
    redis.call('HSET', NONCES, id, nonce)
    redis.call('HSET', HOLDERS, id, holder)
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HINCRBY', ATTEMPTS, id, 1)
    answer[#answer + 1] = redis.call('HGET', BODIES, id)
    count = count - 1
end

while count > 0 do
    local ids = returned(now, count)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
        if attempts_of(id) >= most then
            local former = redis.call('HGET', HOLDERS, id)
            bury(id, former and 'the lease of ' .. former .. ' ran out' or 'no attempt is left')
        else
            redis.call('ZREM', DELAYED, id)
            lease(id)
        end
    end
end
while count > 0 do
    local id = redis.call('LPOP', READY)
    if not id then break end
    lease(id)
end
return answer
