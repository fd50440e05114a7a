"""Any history of transitions: the real queue does what the model does, and fsck is clean after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.contract.queue.model import OPEN, Model
from tests.contract.queue.rig import LONG_MS, Rig
from tests.engines import Engine

from ezaigents.policy import CrashPolicy
from ezaigents.queue import Held
from ezaigents.records import Approval, OnParentFailure, Result

FAR_MS = 9_000_000_000_000
numbers = st.integers(min_value=0, max_value=1_000_000)
hosts = st.sampled_from(["h1", "h2"])
questions = st.sampled_from(["q1", "q2"])
verbs = st.sampled_from(["finish", "finish", "finish", "fail", "retry", "retry", "release", "cancel"])


class QueueMachine(RuleBasedStateMachine):
    """Rules draw plain numbers and choose among what there is, so that shrinking stays simple."""

    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.rig = Rig(self.engine)
        self.rig.dirty = True
        self.model = Model()
        self.fences: dict[tuple[str, int], int] = {}
        self.proofs: list[tuple[str, int]] = []
        self.last: Callable[[], Awaitable[Any]] | None = None
        self.last_answer: Any = None

    def do(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return self.runner.run(done())

    def transition(self, call: Callable[[], Awaitable[Any]], *, repeatable: bool = True) -> Any:
        """Make a call, and keep it for `the_last_call_again`."""
        self.last_answer = self.do(call())
        self.last = call if repeatable else None
        return self.last_answer

    @initialize()
    def begin(self) -> None:
        self.do(self.rig.__aenter__())
        self.run = self.rig.new_run()

    def teardown(self) -> None:
        self.do(self.rig.__aexit__(None, None, None))
        self.runner.close()

    def pick(self, number: int, *states: str) -> str | None:
        ids = [task_id for task_id, task in self.model.tasks.items() if not states or task.state in states]
        return ids[number % len(ids)] if ids else None

    # -- accept --------------------------------------------------------------------------------------------------

    @rule(
        count=st.integers(1, 3),
        priority=st.sampled_from([0, 5, 5, 9]),
        delayed=st.sampled_from([False, False, False, True]),
        deadline=st.booleans(),
        parents=st.just([]) | st.lists(numbers, max_size=3),
        on_failure=st.sampled_from(list(OnParentFailure)),
        key=st.sampled_from(["", "", "a", "b"]),
    )
    def submit(
        self,
        count: int,
        priority: int,
        delayed: bool,
        deadline: bool,
        parents: list[int],
        on_failure: OnParentFailure,
        key: str,
    ) -> None:
        chosen = {found: None for number in parents if (found := self.pick(number))}
        specs = []
        for number in range(count):
            fields: dict[str, Any] = {"title": key, "max_attempts": 2}
            if key:
                fields |= {"key": f"{key}{number}"}
            else:
                fields |= {
                    "priority": priority, "delay_ms": LONG_MS if delayed else 0, "parents": tuple(chosen),
                    "on_parent_failure": on_failure, "deadline_ms": FAR_MS if deadline else 0,
                }  # fmt: skip
            specs.append(self.rig.spec(self.run, **fields))
        known = self.transition(lambda: self.rig.queue.submit(specs, run=self.run))
        assert [known[spec.id] for spec in specs] == [self.model.submit(spec) for spec in specs]

    # -- hold ----------------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 4), host=hosts, number=numbers)
    def claim(self, count: int, host: str, number: int) -> None:
        first = self.pick(number, "ready")
        lane, nonce = self.model.tasks[first].lane if first else "null@p0", self.rig.nonce()
        claims = self.transition(lambda: self.rig.queue.claim(nonce, host, LONG_MS, [(lane, count)]))
        assert [claim.id for claim in claims] == self.model.claim(lane, count, host)
        for claim in claims:
            task = self.model.tasks[claim.id]
            assert claim.attempt == task.attempts + task.crashes + 1
            self.fences[claim.id, task.fence] = claim.fence
            self.proofs.append((claim.id, task.fence))
        fences = list(self.fences.values())
        assert fences == sorted(set(fences))

    @rule(number=numbers, verb=verbs, old=st.sampled_from([False, False, True]), delayed=st.booleans())
    def settle(self, number: int, verb: str, old: bool, delayed: bool) -> None:
        proof = self.proof(number, old)
        if proof is None:
            return
        task_id, fence = proof
        held, queue = Held(task_id, self.fences[task_id, fence]), self.rig.queue
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "finish": lambda: queue.finish([(held, Result(summary="s"))]),
            "fail": lambda: queue.fail([(held, "e")]),
            "retry": lambda: queue.retry([(held, LONG_MS if delayed else 0, "e")]),
            "release": lambda: queue.release([held]),
            "cancel": lambda: queue.stop_cancelled([held]),
        }
        (answer,) = self.transition(calls[verb])
        assert answer.value == self.model.settle(task_id, fence, verb, delayed=delayed and verb == "retry")

    @rule(number=numbers, old=st.sampled_from([False, False, True]), question=questions)
    def ask(self, number: int, old: bool, question: str) -> None:
        if proof := self.proof(number, old):
            task_id, fence = proof
            asked = [(Held(task_id, self.fences[proof]), question, f"command: {question}")]
            (answer,) = self.transition(lambda: self.rig.queue.ask(asked))
            assert answer.value == self.model.settle(task_id, fence, "release", asks=question)

    @rule(number=numbers, question=questions, verdict=st.sampled_from([Approval.APPROVE, Approval.DENY]))
    def answer(self, number: int, question: str, verdict: Approval) -> None:
        asking = [task_id for task_id, task in self.model.tasks.items() if task.state == "delayed" and task.asks]
        task_id = asking[number % len(asking)] if asking else self.pick(number)
        if task_id:
            answer = self.transition(lambda: self.rig.queue.answer(task_id, question, verdict, who="ann"))
            assert answer.value == self.model.answer(task_id, question, verdict.value)

    def proof(self, number: int, old: bool) -> tuple[str, int] | None:
        """A claim that somebody made, one that still stands unless `old`."""
        if old:
            return self.proofs[number % len(self.proofs)] if self.proofs else None
        task_id = self.pick(number, "leased")
        return (task_id, self.model.tasks[task_id].fence) if task_id else None

    @rule(number=numbers, old=st.booleans())
    def renew(self, number: int, old: bool) -> None:
        proof = self.proof(number, old)
        if proof is None:
            return
        task_id, fence = proof
        task = self.model.tasks.get(task_id)
        holds = task is not None and task.state == "leased" and task.fence == fence
        expected = "GONE" if task is None else "STALE" if not holds else "CANCEL" if task.cancel else "OK"
        held = Held(task_id, self.fences[task_id, fence])
        (answer,) = self.transition(lambda: self.rig.queue.renew(LONG_MS, [held]))
        assert answer.decode() == expected

    # -- fail ----------------------------------------------------------------------------------------------------

    @rule(number=numbers)
    def lease_ends(self, number: int) -> None:
        task_id = self.pick(number, "leased")
        if task_id:
            self.do(self.rig.lease_ends(task_id))
            reaped = self.transition(lambda: self.rig.queue.reap(CrashPolicy()), repeatable=False)
            assert {found: state.value for found, state in reaped} == self.model.crash([task_id])

    @rule(number=numbers, times=st.integers(2, 5))
    def it_kills_whoever_takes_it(self, number: int, times: int) -> None:
        task_id = self.pick(number, "ready")
        while task_id and times and self.model.tasks[task_id].state == "ready":
            self.claim(100, "h1", [i for i, task in self.model.tasks.items() if task.state == "ready"].index(task_id))
            times -= 1
            if self.model.tasks[task_id].state == "leased":
                self.lease_ends([i for i, task in self.model.tasks.items() if task.state == "leased"].index(task_id))

    @rule(host=hosts)
    def host_dies(self, host: str) -> None:
        ids = [i for i, task in self.model.tasks.items() if task.state == "leased" and task.host == host]
        reaped = self.transition(lambda: self.rig.queue.reap(CrashPolicy(), owner=host), repeatable=False)
        assert {found: state.value for found, state in reaped} == self.model.crash(ids)

    @rule()
    def the_last_call_again(self) -> None:
        """Its answer was lost; nothing else has happened since."""
        if self.last is not None:
            assert self.do(self.last()) == self.last_answer

    @rule()
    def scripts_are_forgotten(self) -> None:
        self.do(self.rig.raw("SCRIPT", "FLUSH"))

    # -- steer and time ------------------------------------------------------------------------------------------

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        if task_id := self.pick(number):
            expected = self.model.cancel(task_id)
            assert self.transition(lambda: self.rig.queue.cancel([task_id])) == [expected]

    @rule(number=numbers, ended=st.booleans())
    def revive(self, number: int, ended: bool) -> None:
        if task_id := self.pick(number, *(("dead", "cancelled", "skipped") if ended else ())):
            (answer,) = self.transition(lambda: self.rig.queue.revive([task_id]))
            assert answer.value == self.model.revive(task_id)

    @rule(number=numbers)
    def delay_ends(self, number: int) -> None:
        if task_id := self.pick(number, "delayed"):
            self.last = None
            self.do(self.rig.delay_ends(task_id))
            self.model.tasks[task_id].due = True

    @rule(number=numbers)
    def deadline_passes(self, number: int) -> None:
        task_id = self.pick(number, *OPEN)
        task = self.model.tasks[task_id] if task_id else None
        if task_id and task and task.spec.deadline_ms and not task.revived and not task.late:
            self.last = None
            self.do(self.rig.deadline_passes(task_id))
            task.late = True

    @rule()
    def promote(self) -> None:
        self.last = None
        self.do(self.rig.settle_children())
        self.model.promote()

    @rule(number=numbers)
    def purge(self, number: int) -> None:
        if task_id := self.pick(number, "done", "dead", "cancelled", "skipped"):
            removed = self.transition(lambda: self.rig.queue.purge([task_id]), repeatable=False)
            assert removed == self.model.purge([task_id])

    # -- what holds after each -----------------------------------------------------------------------------------

    @invariant()
    def the_queue_is_what_the_model_says(self) -> None:
        tasks = self.do(self.rig.queue.tasks(list(self.model.tasks)))
        told = {t.id: (t.state.value, t.attempts, t.crashes, t.solo_crashes, t.open_parents) for t in tasks}
        assert told == {
            task_id: (
                task.state, task.attempts, task.crashes, task.solo_crashes,
                len(task.waits_for) if task.state == "blocked" else told[task_id][4],
            )
            for task_id, task in self.model.tasks.items()
        }  # fmt: skip
        asked = {t.id: (t.asks_id, {question: verdict.value for question, verdict in t.answers.items()}) for t in tasks}
        assert asked == {task_id: (task.asks, task.answers) for task_id, task in self.model.tasks.items()}
        counts = self.do(self.rig.counts())
        assert (counts.get("accepted", 0), counts.get("purged", 0)) == (self.model.accepted, self.model.purged)

    @invariant()
    def everything_is_consistent(self) -> None:
        self.do(self.rig.assert_clean())


def _run(engine: Engine, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("QueueMachine", (QueueMachine,), {"engine": engine}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_history_is_as_the_model_says(engine: Engine) -> None:
    """Whatever is submitted, claimed, settled, lost, repeated and revived: states, answers and fsck agree."""
    _run(engine, examples=40, steps=40)


@pytest.mark.nightly
def test_a_great_many_histories_are_as_the_model_says(engine: Engine) -> None:
    """The same rule over many more and longer histories."""
    _run(engine, examples=2000, steps=100)
