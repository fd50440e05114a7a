#!/usr/bin/env bash
# The main job on real files: a fleet is started, asked for the hot spots of this project's sources, and stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
ez="$PWD/$BIN/ez"
EZ_HOME=$(mktemp -d "${TMPDIR:-/tmp}/ez-demo.XXXXXX")
export EZ_HOME
reports=$PWD/.demo
leave() {
  "$ez" down >/dev/null 2>&1 || true
  mkdir -p "$reports" && cp -r "$EZ_HOME"/runs/. "$reports"/ 2>/dev/null || true
  rm -rf "$EZ_HOME"
}
trap leave EXIT

"$ez" up --detach
"$ez" run --agent local "Where are the hot spots?" src/
"$ez" status
"$ez" down
