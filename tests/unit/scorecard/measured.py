"""A scorecard's samples as they could have been measured; every figure is made up. Not its job: what is checked."""

from __future__ import annotations

import msgspec

from ezaigents.scorecard.processes import Measured
from ezaigents.scorecard.samples import (
    AFTER,
    BEFORE,
    QUICK,
    Kind,
    Measuring,
    PartMemory,
    Pickup,
    Profile,
    Sample,
    Size,
    Storage,
    TabTraffic,
    Work,
)
from ezaigents.scorecard.shown import Machine
from ezaigents.scorecard.traffic import Traffic, Window

MB = 1_000_000
ALONE = Profile("without push-delivery", ("push-delivery",))


def sample(profile: str, number: int = 0, scale: float = 1.0, **changes: object) -> Sample:
    """One fleet; `scale` makes it that much dearer."""
    one = Measured(round(40 * MB * scale), round(20 * MB * scale), 1)
    memory = PartMemory(hosts=one, engine=Measured(MB, MB, 1), children=Measured(0, 0, 0))
    made = Sample(
        profile=profile,
        number=number,
        load_1min=0.1,
        started_s=0.5 * scale,
        idle=Window(30.0, 0.01 * scale, Traffic(round(10 * scale), round(600 * scale)), {"time": 2}),
        idle_memory=memory,
        visited_memory=memory,
        kinds=(Kind("edit", "gpt", "done"), Kind("analyze", "local", "done")),
        pickups=(Pickup(2.0 * scale, 5.0 * scale), Pickup(4.0 * scale, None)),
        work=Work(
            tasks=100, took_s=2.0, cpu_s=1.0 * scale, engine_bytes=100_000, engine_commands=900,
            peak_rss_bytes=round(100 * MB * scale),
        ),
        after_memory=memory,
        storage=Storage(
            empty_bytes=MB, used_bytes=round(MB * (1 + scale)), aof_bytes=round(MB * scale), families={"t:": 700}
        ),
        tab=TabTraffic(pushed=True, window_s=60.0, sent_bytes=0, received_bytes=round(10 * scale), requests=0),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def hostile(text: str) -> Measuring:
    """One that says `text` wherever a fleet or a machine says something."""
    machine: Machine = msgspec.structs.replace(measuring().machine, cpu=text, kernel=text)
    samples = sample(BEFORE, 0, 10.0, error=text), sample(AFTER, 1)
    return measuring(*samples, machine=machine, partial=text, not_measured=(text,))


def measuring(*samples: Sample, **changes: object) -> Measuring:
    """A scorecard of these fleets; without any, of one that costs ten times as much before."""
    made = Measuring(
        at="2026-11-29T10:00:00Z",
        kind="quick",
        took_s=100.0,
        sizes=QUICK,
        machine=Machine(
            cores=2, cpu="a cpu", memory_bytes=8 * 2**30, kernel="Linux 6", python="3.11.7", ezaigents="0.1.0",
            engine="valkey 9.1.2", filesystem="ext4", fsync_ms=0.2, load_1min=0.1,
        ),
        profiles=(Profile(BEFORE, ("push-delivery",)), Profile(AFTER), ALONE),
        agents=("gpt", "local"),
        samples=samples or (sample(BEFORE, 0, 10.0), sample(AFTER, 1), sample(ALONE.name, 2, 2.0)),
        installed=Size(bytes=37 * MB, what="all of it"),
        image=Size(bytes=None, what="an image", why="there is none"),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)
