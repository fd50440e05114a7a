#!lua flags=no-writes
-- rivals: the file leases that hold beside one that cannot: of another holder, for a path in common.
-- ARGV[1] name of the lease
-- Result: their names; none where this lease does not hold
local lease, out = lease_of(ARGV[1]), {}
if not lease or not lease.holds then return out end
for _, name in ipairs(call('ZRANGE', P .. 'locks', 0, -1)) do
  local other = name ~= ARGV[1] and lease_of(name)
  if other and other.holds and other.place == lease.place and not same_holder(other, lease) and overlap(other.pattern, lease.pattern) then out[#out + 1] = name end
end
return out
