"""Do budgets and holds agree? Job: look at them, name what disagrees, mend it: the holds are the truth.

The check changes nothing, and may run beside hosts at work: each scope is compared with its holds at one moment.
What was spent cannot be made again from anything; only what is reserved can.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from ezaigents.budget.budget import FOLDER
from ezaigents.codec import from_pack
from ezaigents.queue import Queue, read_scripts

Note = Callable[[str, str, str], None]
"""(invariant, what: a key without its namespace, text)"""
RULES = {
    "budgets": "what a budget has reserved is what its open holds add up to",
    "holds": "the holds index holds exactly the open holds, by end, and their budgets are there",
}
SCRIPTS = ("audit", "mend")
_BATCH = 200


async def judge_budget(queue: Queue, note: Note) -> None:
    """Check the invariants of RULES. Raises EngineDown."""
    audit = read_scripts(FOLDER, SCRIPTS)["audit"]
    for invariant, sort, prefix in (("holds", "holds", "hold:"), ("budgets", "scopes", "budget:")):
        for part in _parts(await _names(queue, sort)):
            packed: bytes = await queue.run_script(audit, [sort, *part])
            for name, text in from_pack(packed, list[tuple[str, str]]):
                note(invariant, prefix + name, text)


async def mend_budget(queue: Queue) -> list[str]:
    """Make them agree; returns what was changed, a line each. No host may be at work. Raises EngineDown."""
    mend = read_scripts(FOLDER, SCRIPTS)["mend"]
    said = []
    for sort, prefix in (("holds", "hold:"), ("scopes", "budget:")):
        for part in _parts(await _names(queue, sort)):
            answers = await queue.run_script(mend, [sort, *part])
            said += [f"{prefix}{name}: {told.decode()}" for name, told in zip(part, answers, strict=True) if told]
    return said


async def _names(queue: Queue, sort: str) -> list[str]:
    """All that have a key, a place in the index, or (scopes) a hold."""
    keys = queue.keys
    index, prefix = (keys.holds(), keys.hold("")) if sort == "holds" else (keys.budgets(), keys.budget(""))
    names = {name.decode() for name in await queue.read("ZRANGE", index, 0, -1)}
    names |= {name async for name in _found(queue, prefix)}
    if sort == "scopes":
        holds = [name.decode() for name in await queue.read("ZRANGE", keys.holds(), 0, -1)]
        for scopes in await queue.read_many([("HGET", keys.hold(name), "scopes") for name in holds]):
            names.update((scopes or b"").decode().split())
    return sorted(names)


async def _found(queue: Queue, prefix: str) -> AsyncIterator[str]:
    literal = "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)
    cursor = b"0"
    while True:
        cursor, keys = await queue.read("SCAN", cursor, "MATCH", f"{literal}*", "COUNT", 1000)
        for key in keys:
            yield key.decode()[len(prefix) :]
        if cursor == b"0":
            return


def _parts(names: list[str]) -> list[list[str]]:
    return [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
