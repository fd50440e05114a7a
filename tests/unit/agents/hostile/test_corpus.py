"""Every call of the corpus, against a real workspace among things that must not be touched."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.agents.hostile.corpus.all import CORPUS
from tests.unit.agents.hostile.corpus.entries import Hostile, Verdict
from tests.unit.agents.hostile.corpus.shell import UGLY_PATTERNS
from tests.unit.agents.hostile.world import World
from tests.unit.agents.tools.desk import Ran, children

from ezaigents.agents.tools import Outcome, Toolbox
from ezaigents.providers.transcript import ToolCall

_LEAST = 300
_TEXT_MOST_BYTES = 80 * 1024
_SEARCH_S = 2.0
_SHORT_SEARCH_S = 0.3
_RAW = {"read", "edit", "write"}
"""These show a file's own text; all others show no control character of anybody's."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as environment:
        world = World(tmp_path_factory.mktemp("world"))
        environment.setenv("HOME", str(world.home))
        environment.setenv("EZ_CANARY", world.canary)
        environment.setenv("RIPGREP_CONFIG_PATH", str(world.outside / "canary.txt"))
        yield world
        world.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_the_corpus_is_as_large_as_it_claims() -> None:
    """At least 300 distinct calls, in several groups, most of which must be refused."""
    groups = Counter(entry.group for entry in CORPUS)
    assert len(set(CORPUS)) == len(CORPUS) >= _LEAST
    assert len(groups) >= 8
    assert sum(entry.verdict is not Verdict.HARMLESS for entry in CORPUS) >= _LEAST


def _play(world: World, runner: asyncio.Runner, entry: Hostile, search_s: float = _SEARCH_S) -> None:
    living = children()
    attempt, ran = world.attempt(), Ran()
    box = Toolbox(attempt, commands=ran, search_s=search_s)
    call = ToolCall(id="c", name=entry.tool, arguments=entry.filled(world.places))
    outcome = runner.run(box.use(call))
    attempt.files.close()
    assert world.changed() == [], "something outside the attempt's own folder changed"
    assert not world.was_called(), "somebody called the listener"
    assert children() <= living, "a process is left"
    _check_text(world, entry, outcome)
    _check_verdict(entry, outcome)
    assert not ran.asked or entry.tool == "run"


@pytest.mark.parametrize("entry", CORPUS, ids=[f"{entry.group}-{index}" for index, entry in enumerate(CORPUS)])
def test_a_hostile_call_does_no_harm(world: World, runner: asyncio.Runner, entry: Hostile) -> None:
    """Nothing outside changes, no secret gets out, nothing runs on or was called, and the answer is fit for a model."""
    _play(world, runner, entry)


@pytest.mark.parametrize("entry", UGLY_PATTERNS, ids=range(len(UGLY_PATTERNS)))
def test_a_pattern_does_no_harm_without_ripgrep(
    world: World, runner: asyncio.Runner, entry: Hostile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The child of ours that searches where ripgrep is missing keeps the same promises."""
    monkeypatch.setenv("PATH", str(tmp_path))
    _play(world, runner, entry, _SHORT_SEARCH_S)


def _check_text(world: World, entry: Hostile, outcome: Outcome) -> None:
    said = [outcome.text, *outcome.changed]
    said += [outcome.finish.summary, outcome.finish.evidence] if outcome.finish else []
    for text in said:
        assert world.canary not in text, "a secret got out"
        assert len(text.encode("utf-8")) <= _TEXT_MOST_BYTES
    if entry.tool not in _RAW:
        assert not set(outcome.text) & {"\x1b", "\x07", "\0", "\r"}


def _check_verdict(entry: Hostile, outcome: Outcome) -> None:
    if entry.verdict is Verdict.HARMLESS:
        return
    assert outcome.failed and outcome.text and outcome.finish is None and outcome.changed == ()
    assert outcome.malformed or entry.verdict is Verdict.REFUSED


@pytest.mark.parametrize("tricks", [["; sh", "$(id)", "`id`", "a b", "*", "~", "$EZ_CANARY", "\n", ""]])
def test_a_command_is_a_list_to_the_end(world: World, tricks: list[str]) -> None:
    """What looks like shell reaches the sandbox as the arguments they are, not split, joined or expanded."""
    ran = Ran()
    attempt = world.attempt()
    asyncio.run(_use(Toolbox(attempt, commands=ran), "run", {"argv": ["echo", *tricks]}))
    attempt.files.close()
    assert [argv for argv, _, _ in ran.asked] == [("echo", *tricks)]


def test_a_hard_link_is_written_anew(world: World) -> None:
    """Another name of a file outside keeps its content when the one inside is changed."""
    attempt = world.attempt()
    box = Toolbox(attempt)
    shown = asyncio.run(_use(box, "read", {"path": "hard.txt"}))
    sha256 = shown.text.split("sha256: ")[1][:64]
    assert not asyncio.run(_use(box, "write", {"path": "hard.txt", "content": "mine\n", "sha256": sha256})).failed
    attempt.files.close()
    assert (world.outside / "linked.txt").read_text() == "shared\n"


async def _use(box: Toolbox, name: str, fields: dict[str, object]) -> Outcome:
    return await box.use(ToolCall(id="c", name=name, arguments=json.dumps(fields)))
