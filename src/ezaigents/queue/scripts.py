"""The transitions as scripts. Job: read lua/*.lua once, call by digest, load again when the engine forgot them.

Not its job: what the answers mean (queue.py), repeating a call whose outcome is unknown (queue.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ezaigents.engine import Arg, BlockingConnection, Connection, EngineRefusal, Reply

_FOLDER = Path(__file__).parent / "lua"
NAMES = (
    "submit", "claim", "finish", "fail", "retry", "release", "cancel",
    "renew", "reap", "promote", "revive", "purge", "sweep", "pause", "patch", "fence", "answer",
)  # fmt: skip


class Script:
    """One transition: its whole text and the digest the engine knows it by."""

    __slots__ = ("digest", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def load_scripts(
    replaced: Mapping[str, tuple[str, str]] | None = None, names: Iterable[str] = NAMES
) -> dict[str, Script]:
    """Read scripts, by default every transition, the shared prelude behind its `#!lua` line.

    `replaced` maps a script's name to (old, new): the fault tests take a guard out this way. Raises ValueError when
    `old` is not there, so that such a test cannot pass by missing its guard.
    """
    scripts = read_scripts(_FOLDER, names)
    for name, (old, new) in (replaced or {}).items():
        if name in scripts:
            text = scripts[name].text
            if old not in text:
                raise ValueError(f"{name}.lua does not hold {old!r}")
            scripts[name] = Script(name, text.replace(old, new))
    return scripts


def read_scripts(folder: Path, names: Iterable[str]) -> dict[str, Script]:
    """Read the scripts of a room, its `_prelude.lua` behind the `#!lua` line of each."""
    prelude = (folder / "_prelude.lua").read_text()
    scripts = {}
    for name in names:
        first, rest = (folder / f"{name}.lua").read_text().split("\n", 1)
        scripts[name] = Script(name, f"{first}\n{prelude}{rest}")
    return scripts


async def call_script(connection: Connection, script: Script, key: str, args: list[Arg]) -> Reply:
    """Run a script on the shared connection. Raises EngineDown (outcome unknown), EngineFull, EngineRefusal."""
    try:
        return await connection.send("EVALSHA", script.digest, 1, key, *args)
    except EngineRefusal as refusal:
        if refusal.code != "NOSCRIPT":
            raise
    return await connection.send("EVAL", script.text, 1, key, *args)


def call_script_blocking(connection: BlockingConnection, script: Script, key: str, args: list[Arg]) -> Reply:
    """The same from a thread with a connection of its own."""
    try:
        return connection.call("EVALSHA", script.digest, 1, key, *args)
    except EngineRefusal as refusal:
        if refusal.code != "NOSCRIPT":
            raise
    return connection.call("EVAL", script.text, 1, key, *args)
