-- Which file leases hold, and who stands in line for some. A lease holds while its end has not come and its holder is
-- what it was: a task that is still leased with that fence, or an apply that is under way with it. An apply takes its
-- leases just before it begins, so they may stand alone for that long. Reads only.
local APPLY_MS = 5000
local tasks = {}

local function task_of(id)
  tasks[id] = tasks[id] or call('HMGET', P .. 't:' .. id, 'state', 'fence', 'patch_state', 'patch_fence', 'lane')
  return tasks[id]
end

local function agent_of(id) return string.match(task_of(id)[5] or '', '^[^@]*') end

local function at_work(holder)
  local task = task_of(holder.task)
  if holder.verb == 'task' then return task[1] == 'leased' and task[2] == holder.claim end
  return task[3] == 'applying' and task[4] == holder.claim
end

local function same_holder(a, b)
  return a.task == b.task and a.claim == b.claim and a.verb == b.verb and a.place == b.place
end

-- A lease's name: the same pattern in two places is two leases. A name says whether its pattern has wildcards.
local function name_of(place, pattern)
  local hash = string.sub(redis.sha1hex(place .. '\0' .. pattern), 1, 16)
  return string.find(pattern, '[*?]') and '*' .. hash or hash
end
local function is_wild(name) return string.byte(name) == 42 end

-- A lease by its name, nil when there is none. `ends`: when it ceases to hold if nothing changes, 0 when it did.
local function lease_of(name)
  local h = call('HMGET', P .. 'lock:' .. name, 'place', 'pattern', 'task', 'claim', 'verb', 'fence', 'at', 'until', 'ticket')
  if not h[1] then return nil end
  local lease = { place = h[1], pattern = h[2], task = h[3], claim = h[4], verb = h[5], fence = tonumber(h[6]) }
  lease.at, lease.ends, lease.ticket = tonumber(h[7]), tonumber(h[8]), h[9]
  lease.term = lease.ends
  if not at_work(lease) then
    lease.ends = lease.verb == 'apply' and math.min(lease.ends, lease.at + APPLY_MS) or 0
  end
  lease.holds = lease.ends > now
  return lease
end

-- Somebody in line, nil when nothing was heard of him for too long, or his task has ended.
local function waiter_of(ticket)
  local h = call('HMGET', P .. 'want:' .. ticket, 'place', 'patterns', 'task', 'claim', 'verb', 'at', 'deadline', 'by')
  if not h[1] then return nil end
  local waiter = { place = h[1], patterns = h[2], task = h[3], claim = h[4], verb = h[5] }
  waiter.at, waiter.deadline, waiter.by = tonumber(h[6]), tonumber(h[7]), h[8]
  return (waiter.verb ~= 'task' or at_work(waiter)) and waiter or nil
end
