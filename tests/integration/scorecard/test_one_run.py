"""One small real scorecard: both profiles, every figure, nothing left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ezaigents.optimize import SWITCHES
from ezaigents.scorecard import Kept, Now, Verdict, keep_of, measure_all, read_prices
from ezaigents.scorecard.processes import marked
from ezaigents.scorecard.samples import AFTER, BEFORE, Sample, Sizes

_TINY = Sizes(
    idle_s=1.2,
    settle_s=0.1,
    pickups=1,
    tasks=24,
    messages=24,
    message_ttl_s=0.5,
    tab_s=1.0,
    repeats=1,
    starts=1,
    singles=False,
    most_s=120,
)
_AGENTS = ("claude", "gpt", "deepseek", "mistral", "gemini", "local")


@pytest.fixture(scope="module")
def told() -> list[Now]:
    """What was said meanwhile."""
    return []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, told: list[Now]) -> Iterator[Kept]:
    """A scorecard that was measured now, its fleets in a folder of the test."""
    folder = tmp_path_factory.mktemp("ground")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(folder))
        yield keep_of(measure_all("tiny", _TINY, told.append, _AGENTS), read_prices())
    assert not list(folder.glob("ez-scorecard-*"))
    assert not marked(str(folder))


def _sample(kept: Kept, profile: str) -> Sample:
    (found,) = [one for one in kept.measured.samples if one.profile == profile]
    assert not found.error
    return found


def test_both_profiles_are_measured_whole(kept: Kept) -> None:
    """Each sample has every figure; everything off means every switch."""
    assert kept.card.partial == ""
    assert kept.card.off == tuple(switch.name for switch in SWITCHES)
    for profile in (BEFORE, AFTER):
        sample = _sample(kept, profile)
        assert sample.started_s
        assert sample.idle is not None
        assert sample.storage is not None
        assert sample.storage.families["t:"] > 0
        assert sample.storage.aof_bytes > 0
        assert sample.work is not None
        assert sample.work.tasks == _TINY.tasks
        assert len(sample.pickups) == 5
        assert all(one.called_ms is not None for one in sample.pickups)


def test_a_process_per_agent_is_seen_and_the_simulated_models_are_not(kept: Kept) -> None:
    """One host with everything on; with everything off one that runs none, and six that run one."""
    for profile, hosts in ((BEFORE, 7), (AFTER, 1)):
        memory = _sample(kept, profile).idle_memory
        assert memory is not None
        assert (memory.hosts.processes, memory.engine.processes, memory.children.processes) == (hosts, 1, 0)
        assert memory.rss_bytes >= memory.pss_bytes > 0


def test_the_tab_asks_or_listens_as_the_page_says(kept: Kept) -> None:
    """Polling is counted in requests; a stream that is quiet sends nothing."""
    before, after = _sample(kept, BEFORE).tab, _sample(kept, AFTER).tab
    assert before is not None
    assert after is not None
    assert (before.pushed, before.requests > 0, before.sent_bytes > 0) == (False, True, True)
    assert (after.pushed, after.requests, after.received_bytes) == (True, 0, 0)


def test_plain_messages_are_still_there_and_compact_ones_are_gone(kept: Kept) -> None:
    """Their window has passed in both."""
    before, after = _sample(kept, BEFORE).storage, _sample(kept, AFTER).storage
    assert before is not None
    assert after is not None
    assert before.families.get("messages:", 0) > 0
    assert not {"messages:", "recent:"} & set(after.families)


def test_a_task_of_each_kind_was_done_under_both(kept: Kept) -> None:
    """By the models' agents and by the analyst."""
    for profile in (BEFORE, AFTER):
        kinds = _sample(kept, profile).kinds
        assert {kind.kind for kind in kinds} == {"analyze", "edit", "test", "document", "review"}
        assert {kind.agent for kind in kinds} == set(_AGENTS)
        assert {kind.state for kind in kinds} == {"done"}


def test_memory_and_idle_figures_are_less_with_everything_on(kept: Kept) -> None:
    """Bytes and counts, which no other work on the machine changes."""
    rows = {(row.group, row.metric): row for row in kept.card.rows}
    assert rows["Memory", "total, idle (RSS)"].verdict is Verdict.PASS
    for metric in ("engine, idle", "engine commands, idle"):
        row = rows["Network", metric]
        assert row.before is not None
        assert row.after is not None
        assert row.after.median < row.before.median


def test_it_says_where_it_is(kept: Kept, told: list[Now]) -> None:
    """Fleet, step, and a guess of the time that is left."""
    assert [now.number for now in told] == sorted(now.number for now in told)
    assert {now.words for now in told} >= {
        "before: starting",
        "before: idle",
        "after: working",
        "after: after the work",
    }
    assert all(now.count == 2 and now.left_s >= 0 for now in told)
