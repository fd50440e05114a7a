"""What a cluster is made of. Job: one record, and from it the options of each process. Not its job: starting them."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.chaos.submitter import SubmitterOptions
from tests.chaos.worker import HostOptions
from tests.chaos.workload import Shape

from ezaigents.settings import Settings


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster is made of. `stubborn`, `proxied`: how many of the hosts are so, from the last and the first.

    `replaced`: guards taken out of the scripts of hosts and submitters. `crash_at`: of host 0's first life.
    """

    hosts: int = 4
    slots: int = 4
    submitters: int = 2
    tasks: int = 100
    tasks_per_s: float = 0.0
    lease_s: float = 0.4
    grace_s: float = 30.0
    fsync: str = "always"
    stubborn: int = 2
    proxied: int = 2
    proxy_bytes: int = 20_000
    shape: Shape = Shape()
    seed: int = 1
    fresh_ids: bool = True
    cut_share: float = 0.08
    replaced: dict[str, tuple[str, str]] = {}
    crash_at: str = ""


def settings_of(folder: Path, setup: Setup, name: str) -> Settings:
    """Settings of the host `name` of the cluster in `folder`."""
    return Settings(
        home=str(folder / "home"),
        workspace=str(folder / "workspace"),
        name=name,
        lease_s=setup.lease_s,
        renew_s=setup.lease_s / 4,
        sweep_s=setup.lease_s / 2,
        grace_s=setup.grace_s,
        engine_fsync=setup.fsync,
        ended_keep_s=86_400.0,
        ended_keep_count=10_000_000,
    )


def host_options(folder: Path, setup: Setup, number: int) -> HostOptions:
    """What host `number` is told."""
    return HostOptions(
        settings=settings_of(folder, setup, f"w{number}"),
        history=str(folder / "history"),
        effects=str(folder / "effects.jsonl"),
        slots=setup.slots,
        stubborn=number >= setup.hosts - setup.stubborn,
        proxy=str(folder / "proxy.sock") if number < setup.proxied else "",
        replaced=setup.replaced,
        crash_at=setup.crash_at if number == 0 else "",
    )


def submitter_options(folder: Path, setup: Setup, name: str) -> SubmitterOptions:
    """What the submitter `name`, s0 and so on, is told; the tasks are shared out evenly."""
    number, each = int(name[1:]), setup.tasks // setup.submitters
    return SubmitterOptions(
        settings=settings_of(folder, setup, "submitter"),
        name=name,
        history=str(folder / "history"),
        seed=setup.seed,
        tasks=each + (1 if number < setup.tasks % setup.submitters else 0),
        per_s=setup.tasks_per_s / setup.submitters,
        shape=setup.shape,
        replaced=setup.replaced,
        fresh_ids=setup.fresh_ids,
        cut_share=setup.cut_share,
    )
