-- Batch ('' for none), index of the first body in it, bodies. How many were added.
local batch, first = ARGV[1], tonumber(ARGV[2])
local skipped = 0
if batch ~= '' then
    local present = tonumber(redis.call('HGET', BATCHES, batch) or '0')
    skipped = math.max(present - first, 0)
end
local added = 0
for place = 3 + skipped, #ARGV do
    local id = string.format('%016d', redis.call('HINCRBY', COUNTS, 'last', 1))
    redis.call('HSET', BODIES, id, ARGV[place])
    redis.call('RPUSH', READY, id)
    added = added + 1
end
if added > 0 then
    redis.call('HINCRBY', COUNTS, 'added', added)
    if batch ~= '' then redis.call('HSET', BATCHES, batch, first + #ARGV - 2) end
end
return added
