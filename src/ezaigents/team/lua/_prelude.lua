-- Stands before every script of this room. KEYS[1] is '{ez:<ns>}:n'; every other key is built from its tag.
-- Numbers go to redis.call as numbers (17 digits kept) and never through '..', which keeps only 14.
local P = string.sub(KEYS[1], 1, -2)
local call = redis.call
local engine_time = call('TIME')
local now = tonumber(engine_time[1]) * 1000 + math.floor(tonumber(engine_time[2]) / 1000)
