"""The queue as plain Python: what each transition must do, in as few words as possible. Job: predict. No engine.

Ids are those of the real queue; order is acceptance. Time does not pass by itself here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ezaigents.records import OnParentFailure, TaskSpec

OPEN = ("blocked", "ready", "delayed", "leased")
CRASHES_TO_SUSPECT = 2
SOLO_CRASHES_TO_DIE = 3


@dataclass
class ModelTask:
    """A task. `waits_for`: parents that have not told it yet. `fence`: counts claims, of all tasks together."""

    spec: TaskSpec
    seq: int
    state: str = "ready"
    waits_for: set[str] = field(default_factory=set)
    fence: int = 0
    closed: tuple[int, str] | None = None
    revived: bool = False
    attempts: int = 0
    crashes: int = 0
    solo_crashes: int = 0
    cancel: bool = False
    late: bool = False
    due: bool = False
    has_kids: bool = False
    host: str = ""
    asks: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def lane(self) -> str:
        suspect = self.crashes >= CRASHES_TO_SUSPECT
        return f"{self.spec.agent}@{self.spec.place}" + ("!" if suspect else "")

    @property
    def failed(self) -> bool:
        return self.state in ("dead", "cancelled", "skipped")


class Model:
    """All tasks of a namespace, and whose children are still to be told."""

    def __init__(self) -> None:
        self.tasks: dict[str, ModelTask] = {}
        self.by_key: dict[str, tuple[str, object]] = {}
        self.to_tell: list[str] = []
        self.accepted = 0
        self.purged = 0
        self.claims = 0

    # -- submit --------------------------------------------------------------------------------------------------

    def submit(self, spec: TaskSpec) -> str:
        """Returns the id it is known by."""
        body = (spec.title, spec.priority, spec.parents)
        if spec.key in self.by_key:
            known, other = self.by_key[spec.key]
            assert other == body, "tests use a key for one body"
            return known
        self.accepted += 1
        task = self.tasks[spec.id] = ModelTask(spec, seq=self.accepted)
        if spec.key:
            self.by_key[spec.key] = (spec.id, body)
        task.due = spec.delay_ms == 0
        ends_as = self._wait_for_parents(task)
        if ends_as:
            task.waits_for.clear()
        task.state = ends_as or ("blocked" if task.waits_for else "ready" if task.due else "delayed")
        return spec.id

    def _wait_for_parents(self, task: ModelTask) -> str:
        ends_as, rule = "", task.spec.on_parent_failure
        for parent_id in task.spec.parents:
            parent = self.tasks[parent_id]
            if parent.failed and rule is OnParentFailure.FAIL:
                ends_as = "dead"
            elif parent.failed and rule is OnParentFailure.SKIP:
                ends_as = ends_as or "skipped"
            elif parent.state != "done" and not (parent.failed and rule is OnParentFailure.RUN):
                task.waits_for.add(parent_id)
                parent.has_kids = True
        return ends_as

    # -- hold ----------------------------------------------------------------------------------------------------

    def claim(self, lane: str, count: int, host: str) -> list[str]:
        """Ids claimed, in order."""
        ready = sorted(
            (task for task in self.tasks.values() if task.state == "ready" and task.lane == lane),
            key=lambda task: (task.spec.priority, task.seq),
        )[:count]
        for task in ready:
            if task.late:
                self._end(task, "dead")
            else:
                self.claims += 1
                task.state, task.fence, task.host = "leased", self.claims, host
        return [task.spec.id for task in ready if task.state == "leased"]

    def settle(self, task_id: str, fence: int, verb: str, *, delayed: bool = False, asks: str = "") -> str:
        """The answer to a holder; `asks`: the question it is released with."""
        task = self.tasks.get(task_id)
        if task is None:
            return "GONE"
        if verb == "cancel" and task.state == "cancelled":
            return "OK"
        if task.state != "leased" or task.fence != fence:
            return "OK" if task.closed == (fence, verb) else "STALE"
        task.closed = (fence, verb) if verb != "cancel" else task.closed
        task.revived = task.revived and verb == "cancel"
        task.attempts += verb in ("retry", "fail")
        if verb in ("finish", "fail", "cancel"):
            self._end(task, {"finish": "done", "fail": "dead", "cancel": "cancelled"}[verb])
        elif task.cancel:
            self._end(task, "cancelled")
        elif task.late or (verb == "retry" and task.attempts >= task.spec.max_attempts):
            self._end(task, "dead")
        else:
            task.state = "delayed" if delayed or asks else "ready"
            task.due = not (delayed or asks) if verb == "retry" or asks else task.due
            task.asks = asks
            task.answers.pop(asks, None)
        return "OK"

    def crash(self, ids: Iterable[str]) -> dict[str, str]:
        """Leases end; returns the states after."""
        out = {}
        for task_id in ids:
            task = self.tasks[task_id]
            alone = task.lane.endswith("!")
            task.crashes += 1
            task.solo_crashes += alone
            if task.cancel:
                self._end(task, "cancelled")
            elif task.late or task.solo_crashes >= SOLO_CRASHES_TO_DIE:
                self._end(task, "dead")
            else:
                task.state = "ready"
            out[task_id] = task.state
        return out

    # -- ask a person --------------------------------------------------------------------------------------------

    def answer(self, task_id: str, question: str, verdict: str) -> str:
        """The answer to a person's answer."""
        task = self.tasks.get(task_id)
        if task is None:
            return "GONE"
        if task.state != "delayed" or task.asks != question:
            return "OK" if task.answers.get(question) == verdict else "STALE"
        self._note(task, verdict)
        task.due = True
        return "OK"

    @staticmethod
    def _note(task: ModelTask, verdict: str) -> None:
        task.answers.pop(task.asks, None)
        task.answers[task.asks] = verdict
        task.asks = ""

    # -- steer and time ------------------------------------------------------------------------------------------

    def cancel(self, task_id: str) -> str:
        """The answer to an operator."""
        task = self.tasks.get(task_id)
        if task is None:
            return "GONE"
        if task.state == "cancelled":
            return "OK"
        if task.state not in OPEN:
            return "STALE"
        if task.state == "leased":
            task.cancel = True
            return "ASKED"
        self._end(task, "cancelled")
        return "OK"

    def revive(self, task_id: str) -> str:
        """The answer to an operator."""
        task = self.tasks.get(task_id)
        if task is None:
            return "GONE"
        if task.state in OPEN:
            return "OK" if task.revived else "STALE"
        if task.state == "done":
            return "STALE"
        for parent_id in task.spec.parents:
            parent = self.tasks.get(parent_id)
            ran = parent is not None and parent.failed and task.spec.on_parent_failure is OnParentFailure.RUN
            if parent is not None and parent.state != "done" and not ran:
                task.waits_for.add(parent_id)
                parent.has_kids = True
        task.state = "blocked" if task.waits_for else "ready"
        task.attempts = task.crashes = task.solo_crashes = 0
        task.cancel = task.late = False
        task.due = task.revived = True
        task.closed = None
        task.asks, task.answers = "", {}
        if task_id in self.to_tell:
            self.to_tell.remove(task_id)
        return "OK"

    def promote(self) -> None:
        """Everything that is due, until nothing is left."""
        for task in list(self.tasks.values()):
            if task.state == "delayed" and task.due:
                task.state = "ready"
                if task.asks:
                    self._note(task, "expired")
            if task.late and task.state in OPEN and task.state != "leased":
                self._end(task, "dead")
        while self.to_tell:
            self._tell(self.to_tell.pop(0))

    def _tell(self, parent_id: str) -> None:
        parent = self.tasks[parent_id]
        for task in [task for task in self.tasks.values() if parent_id in task.waits_for]:
            rule = task.spec.on_parent_failure
            if parent.state != "done" and rule is OnParentFailure.WAIT:
                continue
            task.waits_for.discard(parent_id)
            if parent.state != "done" and rule is not OnParentFailure.RUN:
                self._end(task, "dead" if rule is OnParentFailure.FAIL else "skipped")
            elif not task.waits_for:
                task.state = "ready" if task.due else "delayed"

    def purge(self, ids: Sequence[str]) -> int:
        """How many were forgotten."""
        before = self.purged
        for task_id in ids:
            task = self.tasks.get(task_id)
            needed = any(task_id in other.waits_for for other in self.tasks.values())
            if task is not None and task.state not in OPEN and task_id not in self.to_tell and not needed:
                del self.tasks[task_id]
                self.by_key.pop(task.spec.key, None)
                self.purged += 1
        return self.purged - before

    def _end(self, task: ModelTask, state: str) -> None:
        task.state = state
        task.waits_for.clear()
        if task.has_kids and task.spec.id not in self.to_tell:
            self.to_tell.append(task.spec.id)
