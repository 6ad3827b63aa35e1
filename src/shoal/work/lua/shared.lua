-- Runs before every script. Keys come in this order; all of a queue are in one slot of a cluster.
-- Ids are padded to one width, so that they order as text as they do as numbers.
-- Times are microseconds since the epoch, by the server's clock.
local READY = KEYS[1]     -- list of ids that have never been leased
local LEASES = KEYS[2]    -- sorted set: id by the end of its lease
local DELAYED = KEYS[3]   -- sorted set: id by the time from which it may be leased again
local BODIES = KEYS[4]    -- hash: id -> body
local NONCES = KEYS[5]    -- hash: id -> number of the lease
local ATTEMPTS = KEYS[6]  -- hash: id -> deliveries so far
local HOLDERS = KEYS[7]   -- hash: id -> who has the lease
local COUNTS = KEYS[8]    -- hash: last (id), added, done, dead
local DEAD = KEYS[9]      -- sorted set: id by id
local REASONS = KEYS[10]  -- hash: id -> why it is dead
local BATCHES = KEYS[11]  -- hash: batch -> how many of its items are in, and a digest

local function now_us()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

local function attempts_of(id)
    return tonumber(redis.call('HGET', ATTEMPTS, id) or '0')
end

local function bury(id, reason)
    redis.call('ZREM', LEASES, id)
    redis.call('ZREM', DELAYED, id)
    redis.call('HDEL', NONCES, id)
    redis.call('HDEL', HOLDERS, id)
    redis.call('ZADD', DEAD, id, id)
    redis.call('HSET', REASONS, id, reason)
    redis.call('HINCRBY', COUNTS, 'dead', 1)
end

-- Up to `count` ids that came back, in the order in which they did.
local function returned(now, count)
    local found = {}
    for _, key in ipairs({LEASES, DELAYED}) do
        local rows = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
        for place = 1, #rows, 2 do
            found[#found + 1] = {id = rows[place], due = tonumber(rows[place + 1])}
        end
    end
    table.sort(found, function(a, b)
        if a.due ~= b.due then return a.due < b.due end
        return a.id < b.id
    end)
    local ids = {}
    for place = 1, math.min(count, #found) do ids[place] = found[place].id end
    return ids
end
