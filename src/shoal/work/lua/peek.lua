-- Count. Of each item its id and body.
local count = tonumber(ARGV[1])
local ids = returned(now_us(), count)
local fresh = {}
if #ids < count then fresh = redis.call('LRANGE', READY, 0, count - #ids - 1) end
for _, id in ipairs(fresh) do ids[#ids + 1] = id end
local answer = {}
for _, id in ipairs(ids) do
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', BODIES, id)
end
return answer
