"""A chaos run from seed to verdict: `python -m tests.chaos.drive --kills 5000 --tasks 100000 --seed 1`.

Job: run the cluster under a plan, read what the engine says at the end, check it, put it in one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from tests.chaos.checker import Rule, check_history
from tests.chaos.cluster import STUCK_S, Cluster
from tests.chaos.faultplan import Counts, Kind, plan_faults
from tests.chaos.history import Began, Final, Phase, Settle, Totals, now_s
from tests.chaos.resultline import tell
from tests.chaos.setup import Setup

from ezaigents.client import Client
from ezaigents.queue.fsck import Finding, check

_PROGRESS_S = 10.0
_UNJUDGED = Finding("", "the queue moved too fast to say")
_LOST = {Rule.LOST, Rule.UNFINISHED, Rule.FINISH_LOST, Rule.EFFECT_MISSING}
_DOUBLED = {Rule.FINISH_DOUBLED, Rule.SUBMIT_DOUBLED, Rule.BEGUN_TWICE}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `lost`, `doubled`: tasks, by the checker's rules.

    `rules`: those that were broken, `violations`: each break, as text.

    `stale`: settlements refused because the claim was no longer the task's. `reaped`: crashes the engine counted.
    """

    seed: int
    kills: int
    stops: int
    engine_kills: int
    host_set_kills: int
    adoptions: int
    submitter_kills: int
    storms: int
    tasks: int
    executions: int
    repeated: int
    lost: int
    doubled: int
    stale: int
    reaped: int
    dead_crashed: int
    rules: list[str]
    violations: list[str]
    fsck: list[str]
    left_behind: list[str]
    tracebacks: list[str]
    exit_codes: list[int]
    seconds: float

    @property
    def clean(self) -> bool:
        """True when nothing at all is to be complained about."""
        return not (self.violations or self.fsck or self.left_behind or self.tracebacks or any(self.exit_codes))


def run_chaos(folder: Path, setup: Setup, counts: Counts, *, gap_s: float, progress: bool = False) -> Verdict:
    """Run a whole cluster under the plan of `setup.seed` and judge it. `gap_s`: mean time between two faults."""
    began_s = time.monotonic()
    plan = plan_faults(setup.seed, counts, gap_s=gap_s, lease_s=setup.lease_s)
    with Cluster(folder, setup) as cluster:
        if progress:
            cluster.tick = _Progress(cluster, len(plan))
        cluster.carry_out(plan)
        findings = come_to_rest(cluster)
    return judge(cluster, findings, seconds=time.monotonic() - began_s)


def come_to_rest(cluster: Cluster, *, stuck_s: float = STUCK_S) -> list[str]:
    """Let everything be submitted and done, write down how it ended, stop the hosts; return what fsck finds."""
    cluster.wait_submitted(limit_s=600)
    cluster.drain(stuck_s=stuck_s)
    findings = asyncio.run(_take_stock(cluster))
    cluster.stop()
    return findings


class _Progress:
    """A line on standard error every ten seconds."""

    def __init__(self, cluster: Cluster, planned: int) -> None:
        self._cluster = cluster
        self._planned = planned
        self._began_s = self._next_s = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + _PROGRESS_S
            counts = self._cluster.counters()
            ended = sum(counts.get(state, 0) for state in ("done", "dead", "skipped"))
            sys.stderr.write(
                f"{now - self._began_s:6.0f} s  faults {sum(self._cluster.done.values())}/{self._planned}  "
                f"accepted {counts.get('accepted', 0)}  ended {ended}\n"
            )
            sys.stderr.flush()


async def _take_stock(cluster: Cluster) -> list[str]:
    """Write down what the engine says of every task; return what fsck finds."""
    async with Client.connect(cluster.settings("driver"), need_host=False) as client:
        tasks = await client.all_tasks()
        finals = [
            Final(
                at=now_s(), who="driver", task=task.id, state=task.state.value, key=task.key, fence=task.fence,
                attempts=task.attempts, crashes=task.crashes, solo_crashes=task.solo_crashes, error=task.error,
            )
            for task in tasks
        ]  # fmt: skip
        cluster.log.write(*finals, Totals(at=now_s(), who="driver", counts=await client.queue.counts()))
        report = await check(client.queue)
        broken = [invariant for invariant in report.invariants if not (invariant.ok and invariant.judged)]
        return [f"{i.name}: {i.rule}: {f.what}: {f.text}" for i in broken for f in i.findings or (_UNJUDGED,)]


def judge(cluster: Cluster, findings: list[str], *, seconds: float = 0.0) -> Verdict:
    """Say what came of a cluster that was left. `findings`: fsck's."""
    events = cluster.history()
    violations = check_history(events)
    finals = [event for event in events if isinstance(event, Final)]
    began = [event for event in events if isinstance(event, Began)]
    done = cluster.done
    return Verdict(
        seed=cluster.setup.seed,
        kills=done[Kind.KILL],
        stops=done[Kind.STOP],
        engine_kills=done[Kind.ENGINE],
        host_set_kills=done[Kind.HOSTS],
        adoptions=cluster.adoptions,
        submitter_kills=done[Kind.SUBMITTER],
        storms=done[Kind.TERM],
        tasks=len(finals),
        executions=len(began),
        repeated=len(began) - len({event.task for event in began}),
        lost=len({v.subject for v in violations if v.rule in _LOST}),
        doubled=len({v.subject for v in violations if v.rule in _DOUBLED}),
        stale=sum(isinstance(event, Settle) and event.phase is Phase.FAIL for event in events),
        reaped=sum(final.crashes for final in finals),
        dead_crashed=sum(final.error == "crashed" for final in finals),
        rules=sorted({v.rule for v in violations}),
        violations=[f"{v.rule}: {v.subject}: {v.text}" for v in violations],
        fsck=findings,
        left_behind=cluster.left_behind(),
        tracebacks=cluster.complaints(),
        exit_codes=cluster.exits,
        seconds=round(seconds, 1),
    )


def main() -> int:
    """Run from the command line; 0 when the run is clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.drive", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="kill -9 of hosts; the other faults go with it")
    parser.add_argument("--tasks", type=int, default=3200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.22, help="mean seconds between two faults")
    parser.add_argument("--keep", type=Path, help="folder for histories and logs, kept afterwards")
    parser.add_argument("--append", type=Path, help="file to which the line is added as well")
    options = parser.parse_args()
    counts = full_counts(options.kills)
    planned_s = options.gap * (counts.kills + counts.stops + counts.engines + counts.hosts + counts.submitters)
    setup = Setup(seed=options.seed, tasks=options.tasks, tasks_per_s=options.tasks / planned_s)
    with tempfile.TemporaryDirectory(prefix="ez-chaos-") as scratch:
        folder = options.keep or Path(scratch)
        verdict = run_chaos(folder, setup, counts, gap_s=options.gap, progress=True)
    tell(verdict, "chaos", clean=verdict.clean, append=options.append)
    return 0 if verdict.clean else 1


def full_counts(kills: int) -> Counts:
    """The other faults in proportion to the kills: 200 go with 80 freezes, 15 engines and 15 host sets."""
    return Counts(
        kills=kills,
        stops=kills * 80 // 200,
        engines=kills * 15 // 200,
        hosts=kills * 15 // 200,
        submitters=kills * 20 // 200,
    )


if __name__ == "__main__":
    raise SystemExit(main())
