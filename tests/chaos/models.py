"""Agents with models under fire: `python -m tests.chaos.models --kills 300 --tasks 900 --seed 1`.

Job: hosts on one data folder, a simulator that counts every call, tasks of six steps that each change one file twice;
kill hosts, freeze them past their lease, kill the engine; then judge. Not its job: the queue's own history (drive.py).

Judged is from three sources that know nothing of each other: what the simulator heard, what the journals hold, and
what is in the workspace. No call may be made for a step whose answer was in a journal when its attempt began; each file
holds each change once; every task ends.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from tests.chaos.children import Nursery, processes_left
from tests.chaos.model_host import ModelHostOptions
from tests.chaos.resultline import tell

from ezaigents.agents.model.journal import JOURNAL_FILE, Answered, Began, Record
from ezaigents.client import Client, Wish
from ezaigents.codec import from_json
from ezaigents.engine import find_living
from ezaigents.errors import EzError
from ezaigents.records import TaskKind, TaskState
from ezaigents.settings import Settings
from ezaigents.simulate import CallLine, read_log, start_simulator

STEPS = 6
_AGENTS = ("claude", "gpt", "deepseek", "mistral", "gemini")
_LEASE_S = 0.6
_STEP_S = 0.02
_STUCK_S = 30.0
_WRITING_MS = 50
"""An answer is dated when it comes, and on the disk within this."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `cut_off`: calls whose answer no journal holds: killed in flight, made again.

    `repeated`: calls for a step whose answer was in a journal when the attempt began. `edits_wrong`: files in which a
    change is missing, or is there twice. `spent_microusd`: what the ledger holds and has set aside: no less than the
    journals say. `crashed`: tasks given up because they were alone under three dying hosts.
    """

    seed: int
    kills: int
    stops: int
    engine_kills: int
    tasks: int
    done: int
    crashed: int
    other_ends: list[str]
    calls: int
    answered: int
    cut_off: int
    attempts: int
    repeated: list[str]
    edits_wrong: list[str]
    fsck: list[str]
    left_behind: list[str]
    tracebacks: list[str]
    spent_microusd: int
    journaled_microusd: int
    seconds: float

    @property
    def clean(self) -> bool:
        """True when nothing at all is to be complained about."""
        wrong = (self.repeated, self.edits_wrong, self.other_ends, self.fsck, self.left_behind, self.tracebacks)
        is_counted = self.spent_microusd >= self.journaled_microusd
        return not any(wrong) and is_counted and self.done + self.crashed == self.tasks


class ModelFire:
    """`with ModelFire(folder, ...) as fire`: simulator and hosts run; on leaving everything is killed."""

    def __init__(self, folder: Path, *, seed: int, tasks: int, hosts: int = 3, forgetful: bool = False) -> None:
        self.folder = folder
        self.seed = seed
        self.tasks = tasks
        self.kills = self.stops = self.engine_kills = 0
        self.calls = folder / "calls.jsonl"
        self._forgetful = forgetful
        self._rng = random.Random(seed)
        for path in (folder / "logs", folder / "workspace"):
            path.mkdir(parents=True)
        for number in range(tasks):
            self.file(number).write_text(f"file {number}\nfirst\nsecond\n")
        rules = folder / "rules.toml"
        rules.write_text("".join(_rule(number) for number in range(tasks)))
        self._simulator = start_simulator([rules], bare=True, faults=["first_byte_s=0.04"], log=self.calls)
        self.nursery = Nursery(folder / "logs")
        self._pids = dict.fromkeys((f"w{number}" for number in range(hosts)), 0)
        self._up: set[int] = set()
        self._frozen: dict[str, float] = {}
        self._wanted = True

    def __enter__(self) -> Self:
        for name in self._pids:
            self._start(name)
        self._wait(lambda: len(self._up) == len(self._pids), "every host is up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.nursery.__exit__(kind, error, trace)
        self._simulator.stop()

    def file(self, number: int) -> Path:
        """The file of a task."""
        return self.folder / "workspace" / f"f{number}.txt"

    def settings(self, name: str) -> Settings:
        """Settings of a host here."""
        return Settings(
            home=str(self.folder / "home"), workspace=str(self.folder / "workspace"), name=name, models="simulated",
            sim_url=self._simulator.ready(),
            config_home=str(self.folder / "config"), lease_s=_LEASE_S, renew_s=_LEASE_S / 4, sweep_s=_LEASE_S / 2,
            grace_s=30, ended_keep_s=86_400, ended_keep_count=10_000_000, log_level="warning",
            budget_day_usd=100_000, budget_agent_usd=100_000, budget_total_usd=100_000,
        )  # fmt: skip

    def _start(self, name: str) -> None:
        options = ModelHostOptions(settings=self.settings(name), forgetful=self._forgetful)
        self._pids[name] = self.nursery.start("modelhost", name, options)

    # -- fire ----------------------------------------------------------------------------------------------------

    def rage(self, *, kills: int, stops: int, engines: int, gap_s: float) -> None:
        """Break things, in an order that the seed decides."""
        plan = ["kill"] * kills + ["stop"] * stops + ["engine"] * engines
        self._rng.shuffle(plan)
        for kind in plan:
            self._pump(self._rng.expovariate(1 / gap_s))
            match kind:
                case "kill":
                    self._kill_a_host()
                case "stop":
                    self._freeze_a_host()
                case _:
                    self._kill_engine()
        self._wait(lambda: not self._frozen, "nobody is frozen")

    def _kill_a_host(self) -> None:
        name = self._rng.choice([name for name in self._pids if name not in self._frozen])
        pid = self._pids[name]
        self.nursery.send_signal(pid, signal.SIGKILL)
        self.kills += 1
        self._wait(lambda: self._pids[name] != pid, f"{name} is back")

    def _freeze_a_host(self) -> None:
        awake = [name for name, pid in self._pids.items() if name not in self._frozen and pid in self._up]
        if len(awake) > 1:
            name = self._rng.choice(awake)
            self.nursery.send_signal(self._pids[name], signal.SIGSTOP)
            self._frozen[name] = time.monotonic() + _LEASE_S * self._rng.uniform(1.2, 2.5)

    def _kill_engine(self) -> None:
        try:
            engine = find_living(self.settings("driver"))
        except EzError:
            return
        if engine is not None and engine.pid:
            os.kill(engine.pid, signal.SIGKILL)
            self.engine_kills += 1

    def _pump(self, time_s: float) -> None:
        until = time.monotonic() + time_s
        while True:
            for notice in self.nursery.notices(max(0.0, min(_STEP_S, until - time.monotonic()))):
                if notice.up:
                    self._up.add(notice.up)
                for name, pid in self._pids.items():
                    if notice.ended and notice.ended == pid:
                        self._up.discard(pid)
                        self._pids[name] = 0
                        if self._wanted:
                            self._start(name)
            for name, at in list(self._frozen.items()):
                if time.monotonic() >= at:
                    del self._frozen[name]
                    self.nursery.send_signal(self._pids[name], signal.SIGCONT)
                    self.stops += 1
            if time.monotonic() >= until:
                return

    def _wait(self, holds: object, what: str, limit_s: float = 30.0) -> None:
        until = time.monotonic() + limit_s
        while not holds():  # type: ignore[operator]
            if time.monotonic() > until:
                raise TimeoutError(f"waited {limit_s:g} s in vain until {what}; see {self.folder}")
            self._pump(_STEP_S)

    # -- work and rest -------------------------------------------------------------------------------------------

    def hand_in(self) -> None:
        """Hand in every task."""

        async def submit() -> None:
            async with Client.connect(self.settings("driver")) as client:
                for number in range(self.tasks):
                    await client.submit(
                        Wish(
                            prompt=f"go on with file {number} now", paths=(f"f{number}.txt",), apply=True,
                            agent=_AGENTS[number % len(_AGENTS)], kind=TaskKind.EDIT, max_attempts=5,
                        )
                    )  # fmt: skip

        asyncio.run(submit())

    def come_to_rest(self) -> None:
        """Wait until no task is open, or nothing moves any more."""
        moved_s, last = time.monotonic(), 0
        while time.monotonic() - moved_s < _STUCK_S:
            self._pump(0.2)
            size = self.calls.stat().st_size if self.calls.exists() else 0
            if size != last:
                moved_s, last = time.monotonic(), size
            if asyncio.run(self._open_tasks()) == 0:
                return

    async def _open_tasks(self) -> int:
        try:
            async with Client.connect(self.settings("driver"), need_host=False) as client:
                counts = await client.queue.counts()
        except EzError:
            return 1
        return sum(counts[state] for state in ("blocked", "ready", "delayed", "leased"))

    def stop(self) -> None:
        """SIGTERM to every host; wait until all have ended."""
        self._wanted = False
        for pid in self._pids.values():
            self.nursery.send_signal(pid, signal.SIGTERM)
        self._wait(lambda: not any(self._pids.values()), "every host has stopped")


def judge(fire: ModelFire, *, seconds: float) -> Verdict:
    """Say what came of it; the hosts are still up."""
    from ezaigents.budget import Budget
    from ezaigents.cli.checking import check_records

    async def look() -> tuple[list[tuple[int, str, str, str]], int]:
        async with Client.connect(fire.settings("driver"), need_host=False) as client:
            tasks = await client.all_tasks()
            scopes = await Budget(client.queue, fire.folder / "home").overview()
            spent = next((scope.spent + scope.reserved for scope in scopes if scope.scope == "sim-all"), 0)
            return [(_number(t.title), t.id, t.state.value, t.error or t.patch_error) for t in tasks], spent

    rows, spent = asyncio.run(look())
    _, report = asyncio.run(check_records(fire.settings("driver"), mend=False))
    calls = [line for line in read_log(fire.calls) if isinstance(line, CallLine)]
    tasks = fire.folder / "home" / "tasks"
    journals = {path.parent: _records(path) for path in tasks.glob(f"*/*/{JOURNAL_FILE}")}
    answered = {
        r.reply.id: r.cost_microusd for records in journals.values() for r in records if isinstance(r, Answered)
    }
    done = [number for number, _, state, _ in rows if state == TaskState.DONE]
    fire.stop()
    return Verdict(
        seed=fire.seed,
        kills=fire.kills,
        stops=fire.stops,
        engine_kills=fire.engine_kills,
        tasks=fire.tasks,
        done=len(done),
        crashed=sum(error == "crashed" for *_, error in rows),
        other_ends=[
            f"{task}: {state}: {error}" for _, task, state, error in rows if state != "done" and error != "crashed"
        ],
        calls=len(calls),
        answered=len(answered),
        cut_off=len({call.id for call in calls} - answered.keys()),
        attempts=len(journals),
        repeated=sorted(_repeated(calls, journals, tasks)),
        edits_wrong=[
            f"f{number}.txt" for number in sorted(done) if not _is_right(fire.file(number).read_text(), number)
        ],
        fsck=[f"{i.name}: {f.what}: {f.text}" for i in report.invariants if not i.ok for f in i.findings],
        left_behind=[],
        tracebacks=[log.stem for log in (fire.folder / "logs").glob("*.log") if b"Traceback" in log.read_bytes()],
        spent_microusd=spent,
        journaled_microusd=sum(answered.values()),
        seconds=round(seconds, 1),
    )


def _repeated(calls: list[CallLine], journals: dict[Path, list[Record]], tasks: Path) -> Iterator[str]:
    """Calls for a step whose answer was on the disk before the attempt that made the call began.

    By the clock alone: what the attempt itself says it knew is not asked.
    """
    known: dict[str, set[int]] = {}
    for call in calls:
        task, _, fence = call.tag.partition(".")
        if call.tag not in known:
            known[call.tag] = _answered_before(tasks / task, int(fence), journals)
        if call.step + 1 in known[call.tag]:
            yield f"{call.tag}: step {call.step + 1} was answered, and asked again"


def _answered_before(task: Path, fence: int, journals: dict[Path, list[Record]]) -> set[int]:
    """The steps that attempts with a lower fence had answers for when this one began."""
    own = journals.get(task / str(fence), [])
    if not own or not isinstance(own[0], Began):
        return set()
    began_ms, steps = own[0].at_ms, set[int]()
    for folder, records in journals.items():
        if folder.parent == task and int(folder.name) < fence:
            answers = [record for record in records if isinstance(record, Answered)]
            if (folder / JOURNAL_FILE).stat().st_mtime_ns > began_ms * 1_000_000:
                answers = answers[:-1]  # its host was frozen while it wrote, and woke up when the task was another's
            steps.update(record.step for record in answers if record.at_ms < began_ms - _WRITING_MS)
    return steps


def _records(path: Path) -> list[Record]:
    return _parsed(path.read_bytes())


def _parsed(data: bytes) -> list[Record]:
    return [from_json(line, Record) for line in data.split(b"\n")[:-1]]  # type: ignore[arg-type]


def _is_right(text: str, number: int) -> bool:
    return text == f"file {number}\nfirst\nmark one\nsecond\nmark two\n"


def _number(title: str) -> int:
    return int(title.removeprefix("f").removesuffix(".txt"))


def _rule(number: int) -> str:
    """Six steps: look, change, look, look again, change, finish."""
    path = f"f{number}.txt"
    edit = (
        'calls = [{{ name = "edit", arguments = {{ path = "{path}", sha256 = "{{sha:{path}}}", '
        'edits = [{{ old = "{old}\\n", new = "{old}\\n{new}\\n" }}] }} }}]'
    )
    steps = [
        f'calls = [{{ name = "read", arguments = {{ path = "{path}" }} }}]',
        edit.format(path=path, old="first", new="mark one"),
        'calls = [{ name = "list", arguments = {} }]',
        f'calls = [{{ name = "read", arguments = {{ path = "{path}" }} }}]',
        edit.format(path=path, old="second", new="mark two"),
        'calls = [{ name = "finish", arguments = { summary = "both marks are set" } }]',
    ]
    assert len(steps) == STEPS
    head = f'[[rule]]\nmatch = "^go on with file {number} now"\n'
    return head + "".join(f"[[rule.steps]]\n{step}\n" for step in steps)


def run_models(
    folder: Path, *, seed: int, tasks: int, kills: int, stops: int, engines: int, gap_s: float, forgetful: bool = False
) -> Verdict:
    """A whole run, from the first host to the verdict."""
    began_s = time.monotonic()
    with ModelFire(folder, seed=seed, tasks=tasks, forgetful=forgetful) as fire:
        fire.hand_in()
        fire.rage(kills=kills, stops=stops, engines=engines, gap_s=gap_s)
        fire.come_to_rest()
        verdict = judge(fire, seconds=time.monotonic() - began_s)
    left = processes_left(fire.nursery.session, fire.folder / "home")
    return msgspec.structs.replace(verdict, left_behind=left)


def main() -> int:
    """Run from the command line; 0 when the run is clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.models", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--tasks", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.25, help="mean seconds between two faults")
    parser.add_argument("--keep", type=Path, help="folder for journals and logs, kept afterwards")
    parser.add_argument("--append", type=Path, help="file to which the line is added as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ez-models-") as scratch:
        verdict = run_models(
            options.keep or Path(scratch), seed=options.seed, tasks=options.tasks, kills=options.kills,
            stops=options.kills * 2 // 5, engines=options.kills // 15, gap_s=options.gap,
        )  # fmt: skip
    tell(verdict, "chaos with models", clean=verdict.clean, append=options.append)
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
