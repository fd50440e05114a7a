#!/usr/bin/env bash
# The team on a sample repository in which five things are wrong: one task for each of the five agents, all at once,
# patches applied as they come, and the repository's own tests before and after. The models are simulated: their answers
# are scripted, and everything they made says so. It costs nothing and needs no key and no network.
#
#     examples/team.sh FOLDER      # an empty folder, made if needed; it keeps the repository, reports and patches
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ez=${EZ:-ez}
python=${PYTHON:-python3}
folder=$(mkdir -p "$1" && cd "$1" && pwd)
export EZ_WORKSPACE=$folder/sample EZ_HOME=$folder/data EZ_CONFIG_HOME=$folder/config

cp -R "$here/sample" "$EZ_WORKSPACE"
tests() { (cd "$EZ_WORKSPACE" && "$python" -B -m unittest 2>&1 | tail -1); }
team=(
  "claude|edit|Read the loans with the line parser the catalogue uses, instead of a copy of it|shelf/loans.py"
  "gpt|edit|Make lending a book answer 201, 400, 404 and 409 as it should|shelf/api.py"
  "deepseek|test|Write tests for the book numbers, and mend what they find|shelf/isbn.py"
  "mistral|document|Document the functions that the reference leaves out|docs/reference.md"
  "gemini|edit|Find where the loan time is said, and make all of them agree|shelf"
)

echo
echo "The team, on a sample repository. Its tests before: $(tests)"
"$ez" up --sim --detach >/dev/null 2>"$folder/up.log" || { cat "$folder/up.log"; exit 1; }
trap '"$ez" down >/dev/null 2>&1 || true' EXIT
started=()
for one in "${team[@]}"; do
  IFS='|' read -r agent kind prompt path <<<"$one"
  (cd "$EZ_WORKSPACE" && "$ez" run --apply --yes --agent "$agent" --kind "$kind" "$prompt" "$path") >"$folder/$agent.txt" 2>&1 &
  started+=("$!")
done
for pid in "${started[@]}"; do wait "$pid" || { cat "$folder"/*.txt; exit 1; }; done
"$ez" tasks
after=$(tests)
echo "Its tests after five simulated patches: $after"
[ "$after" = OK ]
