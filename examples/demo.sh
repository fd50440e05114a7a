#!/usr/bin/env bash
# The main job on real files: a fleet is started, asked for the hot spots of this project's sources, and stopped.
# Its data folder, with the reports, stays behind in .demo.
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
