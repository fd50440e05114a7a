#!lua flags=allow-oom
-- finish: the holder hands back a result; the task is done.
-- ARGV[1..] one packed item each: {id, fence, {field, value, ...}} (summary, report, patch, cost ...)
-- Result: an answer per item: OK (also when repeated), STALE, GONE
local answers, gone_leases = {}, {}
for i = 1, #ARGV do
  local item = cmsgpack.unpack(ARGV[i])
  local id, fence, fields = item[1], item[2], item[3]
  local answer, h = not_holder(id, fence, 'finish', 'payload', 'patch_state', 'partial')
  if h then
    answer = 'OK'
    fields[#fields + 1] = 'closed'
    fields[#fields + 1] = fence .. ':finish'
    if h[6] then call('ZREM', P .. 'deadline', id) end
    call('HDEL', P .. 't:' .. id, 'error') -- what went wrong before did not in the end
    local patch, partial
    for j = 1, #fields, 2 do
      if fields[j] == 'patch_state' then patch = fields[j + 1] elseif fields[j] == 'partial' then partial = true end
    end
    if not patch and (h[8] == 'proposed' or h[8] == 'conflict') then -- of an attempt before: this one changed nothing
      call('HDEL', P .. 't:' .. id, 'patch', 'patch_state', 'patch_error', 'patch_at')
    end
    end_task(id, h[4], 'leased', 'done', h[5], fields)
    -- One whose patch may yet meet a conflict, or that a limit stopped, keeps its input: it can be run again.
    if h[7] and patch ~= 'proposed' and not partial and not h[9] then call('HDEL', P .. 't:' .. id, 'payload') end
    gone_leases[#gone_leases + 1] = id
  end
  answers[i] = answer
end
in_parts('ZREM', P .. 'leased', gone_leases)
flush()
return answers
