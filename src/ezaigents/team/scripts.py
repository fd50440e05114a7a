"""Scripts that share functions. Job: put what they share, from lua/shared, behind the prelude of each.

Not its job: calling them. A script's own file says nothing of it: what it needs is listed where it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ezaigents.queue import Script, read_scripts

_FOLDER = Path(__file__).parent / "lua"


def scripts_with_shared(shared: Mapping[str, Sequence[str]]) -> dict[str, Script]:
    """Read scripts of this room; `shared` names for each, in order, the files of lua/shared it builds on."""
    prelude = (_FOLDER / "_prelude.lua").read_text()
    scripts = {}
    for name, script in read_scripts(_FOLDER, shared).items():
        functions = "".join((_FOLDER / "shared" / f"{part}.lua").read_text() for part in shared[name])
        scripts[name] = Script(name, script.text.replace(prelude, prelude + functions, 1))
    return scripts
