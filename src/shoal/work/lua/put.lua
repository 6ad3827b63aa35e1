-- Batch ('' for none), what is written of it, what is to be, bodies. How many were added; nothing at
-- all (false) where something else is written of the batch by now.
local batch = ARGV[1]
if batch ~= '' then
    if (redis.call('HGET', BATCHES, batch) or '') ~= ARGV[2] then return false end
    redis.call('HSET', BATCHES, batch, ARGV[3])
end
local added = 0
for place = 4, #ARGV do
    local id = string.format('%016d', redis.call('HINCRBY', COUNTS, 'last', 1))
    redis.call('HSET', BODIES, id, ARGV[place])
    redis.call('RPUSH', READY, id)
    added = added + 1
end
if added > 0 then redis.call('HINCRBY', COUNTS, 'added', added) end
return added
