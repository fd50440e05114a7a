"""The keys and fields of the engine are those that keys.py names and docs/engine-keys.md tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.contract.queue.rig import LANE, Rig
from tests.contract.queue.scene import everything

from ezaigents.queue.fsck.names import ALL_SORTS
from ezaigents.queue.fsck.survey import scan

_PAGE = (Path(__file__).parents[3] / "docs" / "engine-keys.md").read_text()


def _rows(heading: str) -> Iterator[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = _PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith("`"):
            yield [cells[0].strip("`"), *cells[1:]]


async def test_every_key_in_the_engine_is_one_of_keys_py(rig: Rig) -> None:
    """What the scripts name in Lua is, letter for letter, what keys.py names; nothing else comes into being."""
    named = await everything(rig)
    keys, ids = rig.keys, [*named.values()]
    run = (await rig.task(named["ready"])).run
    expected = {
        keys.counters(), keys.run(run), keys.ready(LANE), keys.ready(LANE + "!"), keys.waiting(), keys.delayed(),
        keys.leased(), keys.blocked(), keys.deadlines(), keys.ended(), keys.dead(), keys.fanout(), keys.sequence(),
        keys.fence(), keys.events(), keys.claim("h1"), *map(keys.task, ids),
        *map(keys.idempotency, ("k-done", "k-dead", "k-ready")), keys.children(named["parent"]),
        keys.children(named["leased too"]), keys.waiters(named["dead"]),
    }  # fmt: skip
    assert {key.decode() async for batch in scan(rig.queue) for key in batch} == expected


async def test_every_field_is_documented_and_every_documented_field_exists(rig: Rig) -> None:
    """The page lists exactly the fields that tasks, runs and counters have."""
    named = await everything(rig)
    found: dict[str, set[str]] = {"t:<id>": set(), "run:<id>": set(), "n": set()}
    run = (await rig.task(named["ready"])).run
    for heading, key in [("run:<id>", rig.keys.run(run)), ("n", rig.keys.counters())]:
        found[heading] = {field.decode() for field in await rig.raw("HKEYS", key)}
    for task_id in named.values():
        found["t:<id>"] |= {field.decode() for field in await rig.raw("HKEYS", rig.keys.task(task_id))}
    found["n"].add("lost")  # written by a repair only
    for heading, fields in found.items():
        assert {row[0] for row in _rows(f"Fields of `{heading}`")} == fields


def test_the_page_and_fsck_agree_on_types_and_lives() -> None:
    """Each key of the page is known to fsck with the same type, and expires exactly where the page says so."""
    page = {re.sub("<.*>", "", row[0]): (row[1], "(expires)" in row[4] or "expires" in row[4]) for row in _rows("Keys")}
    known = {sort.name: (sort.type, sort.mortal) for sort in ALL_SORTS}
    assert page == known
