"""An apply that is frozen at one of its steps, and wakes up when another process has taken over."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import msgspec
import pytest
from tests.applies import STORIES, Story, World
from tests.chaos.apply_process import Appliers, Job
from tests.effort import long_only, share

_MOST_STEPS = 200
_MIXTURES = share(150)
_STOPPED = {"ApplyTakenOver", "RetryLater"}
"""How one ends that may not go on: it was told by the intent file or, before that was there, by its leases."""


def job(world: World, at: int, *, lease: Path | None = None, recovers: bool = False) -> Job:
    return Job(
        root=str(world.root), blobs=str(world.blobs), intent=str(world.intent), lease=str(lease or ""),
        proposal=None if recovers else world.proposal, at=at, signal=signal.SIGSTOP,
    )  # fmt: skip


def follow(world: World, name: str, *, back: bool) -> None:
    """Apply another proposal: back to what was there before, or on to something else."""
    tree = {path: file for path, file in world.tree().items() if not path.endswith("/")}
    on = {path: (b"followed " + content, mode) for path, (content, mode) in {**world.before, **world.after}.items()}
    proposal = world.proposed(tree, world.before if back else on)
    assert world.apply(proposal, name=name, merge=False).state == "applied"


def kinds(steps: list[str]) -> list[int]:
    """The number of the first step of each kind, once there is an intent."""
    first = steps.index("publish intent") + 1
    words = [step.split()[0] for step in steps[first:]]
    return sorted(first + words.index(word) + 1 for word in set(words))


@pytest.mark.parametrize("back", [True, False], ids=["back", "on"])
@pytest.mark.parametrize("story", ["small", *(pytest.param(name, marks=long_only) for name in ("renames", "merge"))])
def test_a_frozen_apply_that_wakes_up_changes_nothing(tmp_path: Path, story: str, back: bool) -> None:
    """Frozen at any step, recovered by another and followed by a third, an apply stops having changed nothing more."""
    ends = set()
    with Appliers() as appliers:
        for at in range(1, _MOST_STEPS):
            world = World(tmp_path / str(at), STORIES[story])
            lease = tmp_path / f"lease-{at}"
            lease.write_text(world.intent.name)
            [frozen] = appliers.run(job(world, at, lease=lease))
            if not frozen.frozen:
                break
            lease.write_text("another's")
            world.recover()
            follow(world, "t-2", back=back)
            tree = world.tree()
            [woken] = appliers.run(Job(go_on=frozen.frozen))
            assert woken.error in {*_STOPPED, ""}, (at, woken)
            assert world.tree() == tree, at
            assert world.rests() == [], at
            ends.add(woken.error)
    assert ends == {*_STOPPED, ""}


_DELETION = Story(before={"gone": (b"g\n", 0o644), "kept": (b"", 0o644)}, after={"kept": (b"", 0o644)})


@pytest.mark.parametrize(
    "story",
    [STORIES["small"], pytest.param(STORIES["renames"], marks=long_only), _DELETION],
    ids=["small", "renames", "deletion"],
)
def test_the_fence_holds_without_leases(tmp_path: Path, story: Story) -> None:
    """From the intent file on no lease is needed to stop a frozen apply, even where the tree is as it was again."""
    first = World(tmp_path / "first", story).steps().index("publish intent") + 2
    with Appliers() as appliers:
        for at in range(first, _MOST_STEPS):
            world = World(tmp_path / str(at), story)
            [frozen] = appliers.run(job(world, at))
            if not frozen.frozen:
                break
            recovered = world.recover()
            follow(world, "t-2", back=True)
            tree = world.tree()
            [woken] = appliers.run(Job(go_on=frozen.frozen))
            assert woken.error == "ApplyTakenOver" or (woken.applied and recovered and not woken.error), (at, woken)
            assert world.tree() == tree, at
            assert world.rests() == [], at
    assert at > first + 5


def test_an_apply_that_wakes_up_while_it_is_recovered_does_not_disturb(tmp_path: Path) -> None:
    """Both frozen, at any two steps, an apply wakes up before its recovery: it stops, and the recovery succeeds."""
    story = STORIES["small"]
    steps = World(tmp_path / "first", story).steps()
    with Appliers() as appliers:
        for at in kinds(steps[: steps.index("mark intent as done")]):
            # At its first step a recovery has not taken over yet, and both would be in the right.
            for then_at in range(2, _MOST_STEPS):
                world = World(tmp_path / f"{at}-{then_at}", story)
                [frozen] = appliers.run(job(world, at))
                [recovery] = appliers.run(job(world, then_at, recovers=True))
                if not recovery.frozen:
                    appliers.run(Job(go_on=frozen.frozen))
                    break
                [woken] = appliers.run(Job(go_on=frozen.frozen))
                assert woken.error == "ApplyTakenOver", (steps[at - 1], then_at, woken)
                [recovered] = appliers.run(Job(go_on=recovery.frozen))
                assert recovered.applied, (steps[at - 1], then_at, recovered)
                assert recovered.applied.state == "applied", (steps[at - 1], then_at)
                assert world.tree() == world.after, (steps[at - 1], then_at)
                assert world.rests() == [], (steps[at - 1], then_at)


def test_an_apply_that_wakes_up_after_its_recovery_was_killed_leaves_nothing(tmp_path: Path) -> None:
    """Frozen at any step, the last ones included, and its recovery killed at any: a second recovery ends it cleanly."""
    story = STORIES["small"]
    steps = World(tmp_path / "first", story).steps()
    with Appliers() as appliers:
        for at in kinds(steps):
            for then_at in range(1, _MOST_STEPS):
                world = World(tmp_path / f"{at}-{then_at}", story)
                [frozen] = appliers.run(job(world, at))
                kill = msgspec.structs.replace(job(world, then_at, recovers=True), signal=signal.SIGKILL)
                [recovery] = appliers.run(kill)
                appliers.run(Job(go_on=frozen.frozen))
                world.recover()
                assert world.tree() == world.after, (steps[at - 1], then_at)
                assert world.rests() == [], (steps[at - 1], then_at)
                if not recovery.was_killed:
                    break


def test_any_mixture_of_kills_freezes_and_recoveries_ends_whole(tmp_path: Path) -> None:
    """Whatever dies, sleeps, wakes up and recovers, several at once too: the tree is of one piece in the end."""
    chance = random.Random(20261125)
    with Appliers() as appliers:
        for number in range(_MIXTURES):
            world = World(tmp_path / str(number), STORIES[chance.choice(list(STORIES))])
            mix(appliers, world, chance)
            world.recover()
            assert world.tree() in (world.before, world.after), number
            assert world.rests() == [], number
            assert world.lost_originals() == [], number


def mix(appliers: Appliers, world: World, chance: random.Random) -> None:
    """An apply and up to eight recoveries of it, each of them disturbed; at the end all that still live have woken."""
    ends = [signal.SIGKILL, signal.SIGSTOP, 0]
    told = appliers.run(msgspec.structs.replace(job(world, chance.randint(1, 45)), signal=chance.choice(ends[:2])))
    frozen = [each.frozen for each in told if each.frozen]
    for _ in range(chance.randint(1, 4)):
        if frozen and chance.random() < 0.3:
            appliers.run(Job(go_on=frozen.pop(chance.randrange(len(frozen)))))
        recoveries = [job(world, chance.randint(1, 30), recovers=True) for _ in range(chance.randint(1, 2))]
        told = appliers.run(*(msgspec.structs.replace(each, signal=chance.choice(ends)) for each in recoveries))
        frozen += [each.frozen for each in told if each.frozen]
    chance.shuffle(frozen)
    for pid in frozen:
        appliers.run(Job(go_on=pid))


def test_an_apply_frozen_while_it_undoes_changes_nothing(tmp_path: Path) -> None:
    """An apply that met a person's edit can be taken over at any step of putting back what it had changed."""
    ends = set()
    written_at = World(tmp_path / "first", STORIES["edits"]).steps().index("swap sub/a") + 1
    with Appliers() as appliers:
        for at in range(1, _MOST_STEPS):
            world = World(tmp_path / str(at), STORIES["edits"])
            persons = [(written_at, str(world.root / "sub" / "a"), "a person's")]
            [frozen] = appliers.run(msgspec.structs.replace(job(world, at), persons=persons))
            if not frozen.frozen:
                break
            recovered = world.recover()
            tree = world.tree()
            undone = world.before | {"sub/a": (b"a person's", 0o644)}
            assert tree in (undone, world.before, world.after), at
            [woken] = appliers.run(Job(go_on=frozen.frozen))
            if recovered is not None:
                assert woken.error == "ApplyTakenOver", (at, woken)
                assert world.tree() == tree, at
                ends.add(recovered.state)
            assert world.rests() == [], at
    assert frozen.applied is not None
    assert dict(frozen.applied.conflicts).keys() == {"sub/a"}
    assert ends == {"applied", "conflict"}


def test_a_frozen_recovery_that_wakes_up_changes_nothing(tmp_path: Path) -> None:
    """A recovery can be taken over by the next in the same way, wherever the apply was killed before it."""
    story = Story(before={"a": (b"1", 0o644), "x/b": (b"1", 0o644)}, after={"a": (b"2", 0o644), "c": (b"", 0o644)})
    taken = 0
    with Appliers() as appliers:
        steps = World(tmp_path / "first", story).steps()
        for at in kinds(steps):
            for then_at in range(1, _MOST_STEPS):
                world = World(tmp_path / f"{at}-{then_at}", story)
                appliers.run(msgspec.structs.replace(job(world, at), signal=signal.SIGKILL))
                [frozen] = appliers.run(job(world, then_at, recovers=True))
                if not frozen.frozen:
                    break
                world.recover()
                follow(world, "t-2", back=True)
                tree = world.tree()
                [woken] = appliers.run(Job(go_on=frozen.frozen))
                assert not woken.error or woken.error == "ApplyTakenOver", (at, then_at, woken)
                assert world.tree() == tree, (at, then_at)
                assert world.rests() == [], (at, then_at)
                taken += woken.error == "ApplyTakenOver"
    assert taken > 50
