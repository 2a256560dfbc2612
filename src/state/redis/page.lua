-- One page of keys with what they hold, read in one step, so that no key changes between two looks at it.
-- Arguments: cursor, keys to look at, most bytes of a string, most elements of anything else.
-- Answer: the next cursor, then key, type, expiry and value of each key. A value that is larger is left
-- out and read alone.
local SIZE = { string = 'STRLEN', list = 'LLEN', set = 'SCARD', hash = 'HLEN', zset = 'ZCARD', stream = 'XLEN' }
local READ = {
  string = function(key) return redis.call('GET', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  stream = function(key) return redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0) end,
}
local page = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local answer = { page[1] }
for _, key in ipairs(page[2]) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' then
    local value = false
    if READ[kind] then
      local most = tonumber(kind == 'string' and ARGV[3] or ARGV[4])
      if redis.call(SIZE[kind], key) <= most then value = READ[kind](key) end
    end
    local at = #answer
    answer[at + 1] = key
    answer[at + 2] = kind
    answer[at + 3] = redis.call('PEXPIRETIME', key)
    answer[at + 4] = value
  end
end
return answer
