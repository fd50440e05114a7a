-- Who else is at these files. Reads only. What a task is to a file: r has read it, i means to change it, w has changed it.
local OVERLAPS_MOST = 1000

local function claim_holds(id, fence)
  local h = call('HMGET', P .. 't:' .. id, 'state', 'fence')
  return h[1] == 'leased' and h[2] == fence
end

-- What a task says of some paths, by path; of two lists it walks the shorter. The fields that are no paths begin with /.
local function said_of(id, paths)
  local key, said = P .. 'files:' .. id, {}
  if call('HLEN', key) <= #paths then
    local all = call('HGETALL', key)
    for i = 1, #all, 2 do said[all[i]] = all[i + 1] end
  else
    local some = call('HMGET', key, unpack(paths))
    for i, path in ipairs(paths) do said[path] = some[i] end
  end
  return said
end

-- Overlaps of one task (`mine`: how it is at each path) with those of its place whose claim holds, where either of the
-- two changes the file or means to: {{path, task, agent, theirs, ours}, ...}
local function beside(id, place, paths, mine)
  local found = {}
  for _, other in ipairs(call('ZRANGE', P .. 'leased', 0, -1)) do
    local h = other ~= id and call('HMGET', P .. 'files:' .. other, '/place', '/fence', '/agent') or {}
    if h[1] == place and #paths > 0 and claim_holds(other, h[2]) then
      local said = said_of(other, paths)
      for _, path in ipairs(paths) do
        local theirs = said[path]
        if theirs and (theirs ~= 'r' or mine[path] ~= 'r') and #found < OVERLAPS_MOST then
          found[#found + 1] = { path, other, h[3], theirs, mine[path] }
        end
      end
    end
  end
  return found
end
