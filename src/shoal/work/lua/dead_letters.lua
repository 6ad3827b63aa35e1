-- Count. Of each dead item its id, body, attempts and reason.
local answer = {}
for _, id in ipairs(redis.call('ZRANGE', DEAD, 0, tonumber(ARGV[1]) - 1)) do
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', BODIES, id)
    answer[#answer + 1] = attempts_of(id)
    answer[#answer + 1] = redis.call('HGET', REASONS, id)
end
return answer
