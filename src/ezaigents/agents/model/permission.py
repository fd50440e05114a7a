"""Which commands a person is to allow. Job: a list of programs that build and test, and the question for others; pure.

The sandbox is what keeps commands from harm, whichever they are; the list keeps an agent to what its work needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from ezaigents.agents import NeedsApproval
from ezaigents.settings import Settings

_BUILD = (
    "make cmake ninja meson just tox nox pytest python python3 ruff mypy pyright black isort flake8 coverage",
    "node npm npx yarn pnpm bun deno tsc eslint prettier jest vitest mocha cargo rustc rustfmt go gofmt gcc g++ clang",
    "clang-format javac java mvn gradle dotnet ruby rake rspec bundle php composer phpunit perl prove lua swift zig",
)
_LOOK = "cat head tail ls wc sort uniq diff cmp grep sed awk find tr cut true false echo test"
_ALLOWED = frozenset(" ".join((*_BUILD, _LOOK)).split())


def question_about(argv: Sequence[str], settings: Settings) -> NeedsApproval | None:
    """What a person is to be asked before `argv` runs; None: it is allowed. Raises TaskFailed (too long to show)."""
    more = {name.strip() for name in settings.commands_allow.split(",")}
    if not argv or argv[0] in _ALLOWED or argv[0] in more or "*" in more:
        return None
    return NeedsApproval.about("command", " ".join(map(repr, argv)))
