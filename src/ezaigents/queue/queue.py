"""The durable queue's contract: each method is one transition, atomic and fenced, safe to repeat.

Job: build the arguments, repeat a call whose outcome is unknown, turn answers into records and errors.
Not its job: when to call what (runtime), who may submit (client). docs/states.md has the picture of the states.

A caller that is cancelled does not cancel its transition: that goes on to its end in the background, because a
cancelled write may have been applied. `close` waits for those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from ezaigents.codec import from_pack, to_pack
from ezaigents.engine import Arg, Connection, Reply
from ezaigents.errors import EngineDown, EngineFull, InputError, KeyConflict, QueueFull, TaskGone
from ezaigents.policy import SUBMIT_BATCH, SUMMARY_MAX_BYTES, CrashPolicy, clip_bytes, order_parents_first
from ezaigents.queue.fields import (
    claim_from_row,
    error_fields,
    handed_back,
    packed_run,
    result_fields,
    run_from_hash,
    task_from_hash,
)
from ezaigents.queue.keys import Keys
from ezaigents.queue.limits import ANSWER_WITHIN_MS, NAME_MAX_BYTES, check_question, check_specs
from ezaigents.queue.scripts import Script, call_script, load_scripts
from ezaigents.records import Answer, Approval, Claim, PatchState, Result, Run, Task, TaskSpec, TaskState

_T = TypeVar("_T")
_Row = tuple[Run, TaskSpec]
_ADDING = ("submit", "revive", "send", "reserve")
"""Scripts that a full engine refuses; the others free memory, or soon will."""
_PAUSE_S = 0.02
"""Between two tries while the engine is loading or full."""


class Held(msgspec.Struct, frozen=True):
    """The proof of a claim: task id and fence."""

    id: str
    fence: int


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What a host should know when it wakes. Times in ms by the engine's clock; None = nothing to wait for.

    `paused`: agents that take no tasks, `*` = all of them.
    """

    now_ms: int
    next_due_ms: int | None
    fanout: bool
    to_purge: int
    next_purge_ms: int | None
    lanes: tuple[str, ...]
    paused: tuple[str, ...] = ()


class Queue:
    """The queue of one namespace over the shared connection.

    `patience_s`: how long a transition is repeated while the engine does not answer, before EngineDown.
    """

    def __init__(
        self,
        connection: Connection,
        keys: Keys,
        *,
        scripts: Mapping[str, Script] | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self.keys = keys
        self._connection = connection
        self._scripts = scripts or load_scripts()
        self._patience_s = patience_s
        self._under_way: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait for the transitions under way; the connection stays open."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    # -- accept --------------------------------------------------------------------------------------------------

    async def submit(self, specs: Sequence[TaskSpec], *, run: Run, max_open: int = 1_000_000) -> dict[str, str]:
        """Accept tasks of one run, in order; parents may be among them. Idempotent by task id and by key.

        Returns the id under which each spec's id is known (another one where its key was used before).
        Up to 100 tasks are all accepted or none; more go in batches of 100, parents first.
        Raises InputError (cycle, unknown parent), KeyConflict, QueueFull, EngineFull, EngineDown.
        """
        return await self.submit_runs([(run, specs)], max_open=max_open)

    async def submit_runs(
        self, runs: Sequence[tuple[Run, Sequence[TaskSpec]]], *, max_open: int = 1_000_000
    ) -> dict[str, str]:
        """The same for several runs, in order: up to 100 tasks of all of them together are accepted or none."""
        rows: list[_Row] = []
        for run, specs in runs:
            check_specs(specs, run)
            rows += [(run, spec) for spec in self._parents_first(specs)]
        known: dict[str, str] = {}
        for start in range(0, len(rows), SUBMIT_BATCH):
            await self._submit_batch(rows[start : start + SUBMIT_BATCH], max_open, known)
        return known

    async def _submit_batch(self, rows: Sequence[_Row], max_open: int, known: dict[str, str]) -> None:
        """Accept at most 100; `known` (submitted id -> accepted id) names parents, and gets these tasks' ids."""
        answer = Answer.RENAMED
        while answer is Answer.RENAMED:
            batch = [(run, self._with_known_parents(spec, known)) for run, spec in rows]
            packed = [
                packed_run(run, [spec for _, spec in of_run]) for run, of_run in groupby(batch, lambda row: row[0])
            ]
            word, number, detail = await self._transition("submit", [max_open, *packed])
            answer = Answer(word.decode())
            specs = [spec for _, spec in batch]
            self._refuse(answer, number, detail, specs)
            if answer is Answer.OK:
                known.update((spec.id, spec.id) for spec in specs)
            known.update((specs[index - 1].id, other.decode()) for index, other in detail)

    @staticmethod
    def _parents_first(specs: Sequence[TaskSpec]) -> Sequence[TaskSpec]:
        if not any(spec.parents for spec in specs):
            return specs
        by_id = {spec.id: spec for spec in specs}
        try:
            return [by_id[task_id] for task_id in order_parents_first({s.id: s.parents for s in specs})]
        except ValueError as cycle:
            raise InputError("parents", f"tasks wait for each other in a circle: {cycle}") from None

    @staticmethod
    def _with_known_parents(spec: TaskSpec, known: Mapping[str, str]) -> TaskSpec:
        parents = tuple(dict.fromkeys(known.get(parent, parent) for parent in spec.parents))
        return spec if parents == spec.parents else msgspec.structs.replace(spec, parents=parents)

    @staticmethod
    def _refuse(answer: Answer, number: int, detail: Any, batch: Sequence[TaskSpec]) -> None:
        if answer is Answer.FULL:
            raise QueueFull(number, int(detail))
        if answer is Answer.CONFLICT:
            raise KeyConflict(batch[number - 1].key, detail.decode())
        if answer is Answer.UNKNOWN_PARENT:
            raise InputError("parents", f"task {batch[number - 1].id} waits for {detail.decode()}, which is not known")

    # -- hold ----------------------------------------------------------------------------------------------------

    async def claim(self, nonce: str, host: str, lease_ms: int, wants: Iterable[tuple[str, int]]) -> list[Claim]:
        """Lease up to n tasks of each (lane, n) to `host`, first by priority, then in order of acceptance.

        A host claims one call after the other; the nonce of its last one gets the same tasks again within one lease,
        as far as they are still held. `nonce` holds no white space.
        """
        args: list[Arg] = [nonce, host, lease_ms]
        for lane, count in wants:
            args += (lane, count)
        packed: bytes = await self._transition("claim", args)
        return [claim_from_row(row) for row in from_pack(packed, list[list[Any]])]

    async def renew(self, lease_ms: int, held: Sequence[Held]) -> list[Reply]:
        """Prolong claims; an answer per claim: b"OK", b"CANCEL" (renewed; please stop), b"STALE", b"GONE"."""
        answers: list[Reply] = await self._transition("renew", renew_args(lease_ms, held))
        return answers

    async def finish(self, done: Sequence[tuple[Held, Result]]) -> list[Answer]:
        """Hand results back; OK also when this same claim finished before."""
        return await self._settle("finish", [(h.id, str(h.fence), result_fields(r)) for h, r in done])

    async def fail(self, failed: Sequence[tuple[Held, str]], spent: Mapping[Held, Result] = {}) -> list[Answer]:
        """Give tasks up: dead, with the reason. `spent`: what those that asked models have cost so far."""
        rows = [(h.id, str(h.fence), error_fields(error, spent.get(h))) for h, error in failed]
        return await self._settle("fail", rows)

    async def retry(self, failed: Sequence[tuple[Held, int, str]], spent: Mapping[Held, Result] = {}) -> list[Answer]:
        """Have tasks tried again after delay_ms; dead with the error when no attempt is left. `spent`: as in fail."""
        rows = [(h.id, str(h.fence), delay_ms, error_fields(error, spent.get(h))) for h, delay_ms, error in failed]
        return await self._settle("retry", rows)

    async def release(self, held: Sequence[Held]) -> list[Answer]:
        """Hand tasks back untouched, no attempt spent."""
        return await self.release_for([(one, 0, "") for one in held])

    async def release_for(self, held: Sequence[tuple[Held, int, str]]) -> list[Answer]:
        """The same; each may be claimed again after its own time in ms, and says why, "" = nobody needs to know."""
        rows = [
            (h.id, str(h.fence), delay_ms, *([clip_bytes(why, SUMMARY_MAX_BYTES)] if why else ()))
            for h, delay_ms, why in held
        ]
        return await self._settle("release", rows)

    async def ask(self, asked: Sequence[tuple[Held, str, str]]) -> list[Answer]:
        """Hand tasks back until a person has answered, 7 days at most: rows of claim, question and what is asked.

        They are `delayed` meanwhile, hold no slot and spend no attempt. Nobody's answer is `expired`.
        """
        for _, question, text in asked:
            check_question(question, text)
        rows = [(h.id, str(h.fence), ANSWER_WITHIN_MS, (question, text)) for h, question, text in asked]
        return await self._settle("release", rows)

    async def stop_cancelled(self, held: Sequence[Held]) -> list[Answer]:
        """The holder ends tasks whose cancelling was asked for."""
        return await self._settle("cancel", [(h.id, str(h.fence)) for h in held])

    # -- steer ---------------------------------------------------------------------------------------------------

    async def cancel(self, task_ids: Sequence[str]) -> list[str]:
        """End open tasks; per id "OK", "ASKED" (its host was told), "STALE" (ended otherwise) or "GONE"."""
        answers: list[bytes] = await self._transition("cancel", [to_pack((task_id, "")) for task_id in task_ids])
        return [answer.decode() for answer in answers]

    async def revive(self, task_ids: Sequence[str]) -> list[Answer]:
        """Try ended tasks again with all their attempts (an operator's retry); STALE for those done or open."""
        return [Answer(a.decode()) for a in await self._transition("revive", list(task_ids))]

    async def answer(self, task_id: str, question: str, verdict: Approval, *, who: str, why: str = "") -> Answer:
        """Decide what a task asks; it is due at once. `why`: words for its agent, cut to 512 bytes.

        OK also when it was answered so before; STALE when it does not ask this (any more), or was answered otherwise.
        """
        words = clip_bytes(why, SUMMARY_MAX_BYTES)
        args: list[Arg] = [task_id, question, verdict.value, clip_bytes(who, NAME_MAX_BYTES), words]
        answer: bytes = await self._transition("answer", args)
        return Answer(answer.decode())

    async def pause(self, agents: Sequence[str]) -> list[str]:
        """Let agents (`*` = all) take no more tasks; returns all that are paused now."""
        return await self._pausing("pause", agents)

    async def resume(self, agents: Sequence[str] = ()) -> list[str]:
        """Let agents take tasks again, none named = everything; returns those that are still paused."""
        return await self._pausing("resume", agents)

    async def paused(self) -> dict[str, int]:
        """The agents that are paused (`*` = all of them), and since when (ms)."""
        raw = await self.read("HGETALL", self.keys.paused())
        return {name.decode(): int(since) for name, since in raw.items()}

    async def _pausing(self, word: str, agents: Sequence[str]) -> list[str]:
        names: list[bytes] = await self._transition("pause", [word, *agents])
        return sorted(name.decode() for name in names)

    # -- patches -------------------------------------------------------------------------------------------------

    async def new_fence(self) -> int:
        """A number above every fence given out before."""
        return int(await self._transition("fence", []))

    async def move_patch(
        self,
        task_id: str,
        to: PatchState,
        fence: int,
        *,
        meant: str = "",
        result: Result | None = None,
        error: str = "",
    ) -> Answer:
        """Move a task's patch under the fence of one apply; `result` is what its attempt will hand back.

        `meant`: the name of the patch, "" = whichever it has. STALE when it has another by now, when a later apply has
        begun, or when the patch may not be applied; docs/states.md has the picture.
        """
        args: list[Arg] = [task_id, to.value, str(fence), meant, *(handed_back(result) if result else [])]
        if error:
            args += ["patch_error", clip_bytes(error, SUMMARY_MAX_BYTES)]
        answer: bytes = await self._transition("patch", args)
        return Answer(answer.decode())

    # -- keep in motion ------------------------------------------------------------------------------------------

    async def reap(self, policy: CrashPolicy, *, owner: str = "", most: int = 100) -> list[tuple[str, TaskState]]:
        """Put back tasks past their lease, or all of the dead host `owner`; returns (id, state now)."""
        args: list[Arg] = [most, owner, policy.crashes_to_suspect, policy.solo_crashes_to_die]
        rows = await self._transition("reap", args)
        return [(task_id.decode(), TaskState(state.decode())) for task_id, state in rows]

    async def promote(self, most: int = 100) -> bool:
        """Do what time has brought, up to `most` of each sort; True when more is left."""
        return bool((await self._transition("promote", [most]))[3])

    async def sweep(self, keep_ms: int, keep_count: int) -> Sweep:
        """Look, changing nothing: what is due, which lanes have work."""
        now, due, fanout, purge, next_purge, lanes, paused = await self._transition("sweep", [keep_ms, keep_count])
        return Sweep(
            now_ms=now,
            next_due_ms=due if isinstance(due, int) else None,
            fanout=bool(fanout),
            to_purge=purge,
            next_purge_ms=next_purge if isinstance(next_purge, int) else None,
            lanes=tuple(lane.decode() for lane in lanes),
            paused=tuple(name.decode() for name in paused),
        )

    async def purge(self, task_ids: Sequence[str], *, keep_patches_ms: int = 0) -> int:
        """Forget ended tasks (their records are kept elsewhere first); returns how many were removed.

        A done one whose patch is not applied stays until `keep_patches_ms` after its acceptance.
        """
        removed: int = await self._transition("purge", [keep_patches_ms, *task_ids])
        return removed

    async def put_off(self, task_ids: Sequence[str]) -> None:
        """Have ended tasks that cannot be purged count as ended now."""
        await self._transition("purge", ["later", *task_ids])

    # -- look ----------------------------------------------------------------------------------------------------

    async def task(self, task_id: str) -> Task:
        """Read a task. Raises TaskGone."""
        found = await self.tasks([task_id])
        if not found:
            raise TaskGone(task_id)
        return found[0]

    async def tasks(self, task_ids: Sequence[str]) -> list[Task]:
        """Read tasks in the order given, leaving out those that are not known."""
        hashes = await self.read_many([("HGETALL", self.keys.task(task_id)) for task_id in task_ids])
        return [task_from_hash(task_id, h) for task_id, h in zip(task_ids, hashes, strict=True) if h]

    async def run(self, run_id: str) -> Run | None:
        """Read a run; None when it is not known (any more)."""
        fields = await self.read("HGETALL", self.keys.run(run_id))
        return run_from_hash(run_id, fields) if fields else None

    async def counts(self) -> dict[str, int]:
        """The counters: accepted, purged, and how many tasks are in each of the eight states."""
        raw = await self.read("HGETALL", self.keys.counters())
        counts = {name.decode(): int(value) for name, value in raw.items()}
        return {name: counts.get(name, 0) for name in ("accepted", "purged", *TaskState)}

    async def ended_ids(self, first: int, last: int) -> list[str]:
        """Ids done, cancelled or skipped, oldest first, by position."""
        return [i.decode() for i in await self.read("ZRANGE", self.keys.ended(), first, last)]

    async def read(self, *args: Arg) -> Reply:
        """One plain command that changes nothing, repeated while the engine is away."""
        return (await self.read_many([args]))[0]

    async def put(self, *args: Arg) -> Reply:
        """One plain command that may be repeated without harm, the same way (fsck --repair)."""
        return (await self.read_many([args]))[0]

    async def read_many(self, commands: Sequence[tuple[Arg, ...]]) -> list[Reply]:
        """Plain commands that change nothing, in one go."""

        async def once() -> list[Reply]:
            return list(await asyncio.gather(*[self._connection.send(*args) for args in commands]))

        replies: list[Reply] = await self._repeated(once)
        return replies

    async def answered(self, look: Callable[[], Awaitable[_T]]) -> _T:
        """Have a look that another room takes at the engine, again while the engine is away. It must change nothing."""
        looked: _T = await self._repeated(look)
        return looked

    # -- repeat --------------------------------------------------------------------------------------------------

    async def _settle(self, verb: str, rows: Sequence[tuple[Any, ...]]) -> list[Answer]:
        answers = await self._transition(verb, [to_pack(row) for row in rows])
        return [Answer(answer.decode()) for answer in answers]

    async def _transition(self, name: str, args: list[Any]) -> Reply:
        return await self.run_script(self._scripts[name], args)

    async def run_script(self, script: Script, args: list[Any]) -> Reply:
        """Run a script that may be repeated without harm, to its end, while the engine is away or not."""
        key = self.keys.counters()

        async def once() -> Reply:
            return await call_script(self._connection, script, key, args)

        return await self._to_its_end(self._repeated(once, give_up_when_full=script.name in _ADDING))

    async def _to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(_hear_out)
        return await asyncio.shield(task)

    async def _repeated(self, once: Any, *, give_up_when_full: bool = False) -> Any:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while True:
            try:
                return await once()
            except EngineDown as error:
                left_s = until - loop.time()
                if left_s <= 0 or (give_up_when_full and isinstance(error, EngineFull)):
                    raise
                if self._connection.connected:
                    await asyncio.sleep(_PAUSE_S)
                await self._connection.wait_up(left_s)


def _hear_out(ended: asyncio.Task[Any]) -> None:
    """What became of a transition whose caller went away is nobody's business any more."""
    if not ended.cancelled():
        ended.exception()


def renew_args(lease_ms: int, held: Sequence[Held]) -> list[Arg]:
    """The arguments of renew.lua; the renewal thread calls it on a connection of its own."""
    args: list[Arg] = [lease_ms]
    for claim in held:
        args += (claim.id, str(claim.fence))
    return args
