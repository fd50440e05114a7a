"""What is random in a chaos run is decided by its seed."""

from __future__ import annotations

from collections import Counter

from tests.chaos.drive import full_counts
from tests.chaos.faultplan import Kind, plan_faults
from tests.chaos.workload import Shape, plan_batch


def test_a_seed_decides_every_fault() -> None:
    """The same seed plans the same faults in the same order; another seed others; the counts are kept."""
    counts = full_counts(200)
    plans = [plan_faults(seed, counts, gap_s=0.1, lease_s=0.4) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    found = Counter(action.kind for action in plans[0])
    assert (found[Kind.KILL], found[Kind.STOP], found[Kind.ENGINE], found[Kind.HOSTS]) == (200, 80, 15, 15)


def test_every_freeze_outlasts_the_lease() -> None:
    """A host is frozen for longer than its lease, or its claims would not be taken from it."""
    plan = plan_faults(1, full_counts(200), gap_s=0.1, lease_s=0.4)
    assert min(action.hold_s for action in plan if action.kind is Kind.STOP) >= 0.4 * 1.25


def test_a_killed_submitter_can_make_its_batch_again() -> None:
    """A batch depends on seed, submitter and number only, and its parents come before their children."""
    for number in range(50):
        batch = plan_batch(3, "s0", number, 20, Shape())
        assert batch == plan_batch(3, "s0", number, 20, Shape())
        keys = [task.key for task in batch]
        for index, task in enumerate(batch):
            assert all(parent in keys[:index] or parent == f"s0-{number - 1}-0" for parent in task.parents)
    assert plan_batch(3, "s0", 1, 20, Shape()) != plan_batch(3, "s1", 1, 20, Shape())
