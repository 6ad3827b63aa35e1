-- How many items there were. The last id stays: dead and lost tokens must not fit new items.
local gone = redis.call('HLEN', BODIES)
local last = redis.call('HGET', COUNTS, 'last')
for _, key in ipairs(KEYS) do redis.call('UNLINK', key) end
if last then redis.call('HSET', COUNTS, 'last', last) end
return gone
