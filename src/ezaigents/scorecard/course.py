"""A whole scorecard. Job: which fleets are measured in which order, how long that takes, and stopping in the middle.

The two profiles take turns, so that a machine that slows down slows both. Then each switch is turned off alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from ezaigents.errors import ConfigError, EzError
from ezaigents.optimize import SWITCHES
from ezaigents.scorecard.ground import Ground, open_ground
from ezaigents.scorecard.machine import image_size, installed_size, machine_of
from ezaigents.scorecard.measuring import INTERRUPTED, measure
from ezaigents.scorecard.processes import can_be_read
from ezaigents.scorecard.samples import AFTER, BEFORE, Measuring, Profile, Sample, Sizes

AGENTS = ("claude", "gpt", "deepseek", "mistral", "gemini", "local")
ALL_ON = Profile(AFTER)
ALL_OFF = Profile(BEFORE, tuple(switch.name for switch in SWITCHES))
_PUSHED = "pushed-dashboard"
_NEVER = "all of its time was needed for others"


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One fleet of the course. `tab`: a tab is watched. `only_start`: nothing else. `guess_s`: what it may take."""

    profile: Profile
    tab: bool
    only_start: bool
    guess_s: float


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """Where a course is. `left_s`: a guess, by what the fleets so far took."""

    number: int
    count: int
    words: str
    left_s: float


def course_of(sizes: Sizes) -> list[Stop]:
    """The fleets in order."""
    stops: list[Stop] = []
    for turn in range(max(sizes.repeats, sizes.starts)):
        for profile in (ALL_OFF, ALL_ON):
            only_start = turn >= sizes.repeats
            stops.append(_stop(profile, sizes, tab=turn == 0 and sizes.tab_s > 0, only_start=only_start))
    if sizes.singles:
        for switch in SWITCHES:
            profile = Profile(f"without {switch.name}", (switch.name,))
            stops.append(_stop(profile, sizes, tab=switch.name == _PUSHED and sizes.tab_s > 0, only_start=False))
    return stops


def measure_all(kind: str, sizes: Sizes, tell: Callable[[Now], None], agents: Sequence[str] = AGENTS) -> Measuring:
    """Measure. An interruption ends it with what there is so far, marked as partial, once nothing runs any more.

    Raises ConfigError where this system cannot be measured, LimitReached where the disk is too full, EngineMissing.
    """
    if not can_be_read():
        raise ConfigError(
            "a scorecard reads the books that Linux keeps of its processes (/proc), and there are none here"
        )
    began_s, at = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    samples: list[Sample] = []
    left_out: list[str] = []
    partial = ""
    machine = None
    try:
        with open_ground(sizes.message_ttl_s) as ground:
            machine = machine_of(ground.folder, _engine_version())
            partial = _walk(ground, sizes, agents, tell, samples, left_out, began_s)
    except KeyboardInterrupt:
        if not samples or machine is None:
            raise
        partial = INTERRUPTED
    return Measuring(
        at=at, kind=kind, took_s=round(time.monotonic() - began_s, 1), sizes=sizes, machine=machine,
        profiles=tuple(dict.fromkeys(stop.profile for stop in course_of(sizes))), agents=tuple(agents),
        samples=tuple(samples), installed=installed_size(), image=image_size(), partial=partial,
        not_measured=tuple(left_out),
    )  # fmt: skip


def _walk(
    ground: Ground, sizes: Sizes, agents: Sequence[str], tell: Callable[[Now], None], samples: list[Sample],
    left_out: list[str], began_s: float,
) -> str:  # fmt: skip
    """Go from fleet to fleet; returns why it is not whole."""
    stops = course_of(sizes)
    guessed_s = taken_s = 0.0
    for number, stop in enumerate(stops):
        slower = max(1.0, taken_s / guessed_s) if guessed_s else 1.0
        left_s = slower * sum(one.guess_s for one in stops[number:])
        if time.monotonic() - began_s + slower * stop.guess_s > sizes.most_s:
            left_out.append(f"{stop.profile.name}{' (start)' if stop.only_start else ''}: {_NEVER}")
            continue

        one_began_s = time.monotonic()

        def say(words: str, number: int = number, stop: Stop = stop, until_s: float = one_began_s + left_s) -> None:
            words = f"{stop.profile.name}: {words}"
            tell(Now(number=number, count=len(stops), words=words, left_s=max(0.0, until_s - time.monotonic())))

        measure(
            ground, number, stop.profile, sizes, agents, say, samples.append, tab=stop.tab, only_start=stop.only_start
        )
        guessed_s, taken_s = guessed_s + stop.guess_s, taken_s + time.monotonic() - one_began_s
        if samples[-1].error and not any(one.started_s for one in samples):
            raise EzError(samples[-1].error)  # the first fleet does not start: the others would not either
    broken = [one for one in samples if one.error]
    return f"{len(broken)} of {len(samples)} fleets were not measured to their end" if broken else ""


def _stop(profile: Profile, sizes: Sizes, *, tab: bool, only_start: bool) -> Stop:
    """The guess is for a machine of two cores that does little else."""
    start_s = 1.5 + 0.3 * len(profile.off)
    work_s = sizes.pickups * 1.2 + sizes.tasks / 30 + sizes.messages / 500 + 9
    guess_s = start_s if only_start else start_s + sizes.settle_s + sizes.idle_s + work_s + (sizes.tab_s if tab else 0)
    return Stop(profile=profile, tab=tab, only_start=only_start, guess_s=guess_s)


def _engine_version() -> str:
    """What the engine's program says of itself. Raises EngineMissing."""
    import subprocess

    from ezaigents.engine import find_engine_program

    done = subprocess.run([find_engine_program(), "--version"], capture_output=True, text=True, check=False, timeout=10)
    words = done.stdout.split()
    number = next((word.removeprefix("v=") for word in words if word.startswith("v=")), "of unknown version")
    return f"{words[0].lower() if words else 'engine'} {number}"
