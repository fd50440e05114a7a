#!/usr/bin/env bash
# The main job on real files: a fleet is started, asked for the hot spots of this project's sources, and stopped. Then
# scripted agents change one file together, and the team of five, with simulated models, mends a sample repository. The
# data folders, with reports and patches, stay behind in .demo.
set -euo pipefail
cd "$(dirname "$0")/.."
ez=$PWD/${BIN:-.venv/bin}/ez
export EZ_HOME=$PWD/.demo
trap '"$ez" down >/dev/null 2>&1 || true' EXIT

"$ez" down >/dev/null 2>&1 || true
rm -rf "$EZ_HOME"
"$ez" up --detach
"$ez" run --agent local "Where are the hot spots?" src/
"$ez" status
"$ez" down
"${ez%/ez}/python" examples/edit_together.py "$EZ_HOME/edit-together"
EZ=$ez PYTHON=${ez%/ez}/python bash examples/team.sh "$EZ_HOME/team"

echo
echo "Reports, patches and journals lie in .demo. To go on: . .venv/bin/activate; ez up --detach; ez run ..."
