-- Batch. What is written of it: how many of its items are in, and a digest of them.
return redis.call('HGET', BATCHES, ARGV[1]) or ''
