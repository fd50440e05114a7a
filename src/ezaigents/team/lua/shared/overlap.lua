-- Do two patterns match a common path? Exact, for paths and globs alike: `*` any part of a name, `?` one character of
-- it, `**` any number of whole names, and at the end at least one. Every script that compares patterns begins with this.

local function is_glob(pattern) return string.find(pattern, '[*?]') ~= nil end

-- Can one sequence be read as `a` and as `b`? `many` stands for any number of members, `same` compares two others.
-- From the ends backwards: row[j] says whether a[i..] and b[j..] meet.
local function meet(a, b, many, same)
  local row = {}
  for i = #a + 1, 1, -1 do
    local below, x = row, a[i]
    row = {}
    for j = #b + 1, 1, -1 do
      local y = b[j]
      if x == many or y == many then row[j] = below[j] or row[j + 1]
      elseif x and y then row[j] = below[j + 1] and same(x, y)
      else row[j] = not x and not y end
    end
  end
  return row[1]
end

local function same_character(x, y) return x == y or x == '?' or y == '?' end

local function characters(name)
  local list = {}
  for character in string.gmatch(name, '[%z\1-\127\194-\244][\128-\191]*') do list[#list + 1] = character end
  return list
end

local function same_name(x, y)
  if x == y then return true end
  return (is_glob(x) or is_glob(y)) and meet(characters(x), characters(y), '*', same_character)
end

local function names(pattern)
  local list = {}
  for name in string.gmatch(pattern, '[^/]+') do list[#list + 1] = name end
  if list[#list] == '**' then list[#list + 1] = '*' end
  return list
end

local function overlap(a, b)
  if a == b then return true end
  if not is_glob(a) and not is_glob(b) then return false end
  local head_a, head_b = string.match(a, '^[^*?]*'), string.match(b, '^[^*?]*')
  local shorter = math.min(#head_a, #head_b)
  if string.sub(head_a, 1, shorter) ~= string.sub(head_b, 1, shorter) then return false end
  return meet(names(a), names(b), '**', same_name) or false
end
