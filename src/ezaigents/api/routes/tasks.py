"""`/api/tasks`: list, hand in, look at, and steer tasks. Not its job: what a wish means (wishes)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Grant, Role
from ezaigents.api.answers import Empty, answer, read_body
from ezaigents.api.jobs import JOBS_MOST
from ezaigents.api.parameters import flag, short_text, whole_number
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services
from ezaigents.api.taking import Asked, Job, take_jobs
from ezaigents.client import (
    RunResult,
    Sought,
    StepRow,
    TaskDetail,
    check_ids,
    patch_of,
    read_beneath,
    step_rows,
    task_detail,
    with_costs,
)
from ezaigents.errors import InputError
from ezaigents.patches import ApplyOutcome
from ezaigents.records import Approval, PatchState, Task, TaskKind, TaskState

_TASK = "/api/tasks/{id}"
_PAGE = 50
_PAGE_MOST = 500
_TEXT_MOST_CHARS = 200


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some tasks. `next`: the cursor of those that follow, "" = these were the last.

    `stopped_early`: so many were looked at that the page came before it was full; go on with `next`.
    """

    tasks: list[TaskDetail]
    next: str
    stopped_early: bool


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of a list of jobs, in its order."""

    runs: list[RunResult]


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fresh`: from the beginning. `from_step`: as if from that step on nothing had happened; 0 = where it stopped."""

    fresh: bool = False
    from_step: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class ApplyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`merge`: where files changed since, merge what does not overlap; null = as the settings say."""

    merge: bool | None = None


class ApproveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`question`: `asks_id` of what was read, so that nothing asked since is allowed; "" = whatever it asks now."""

    question: Annotated[str, msgspec.Meta(max_length=100)] = ""


class DenyRequest(ApproveRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`why`: words for the agent."""

    why: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class TaskAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request about a task: `OK`, or why nothing did."""

    id: str
    answer: str


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts at a task did, oldest first."""

    steps: list[StepRow]


async def list_tasks(request: Request) -> Response:
    """A page of tasks: running first, then those that wait, then what ended last."""
    services, params = Services.of(request), request.query_params
    limit = whole_number("limit", params.get("limit", str(_PAGE)), 1, _PAGE_MOST)
    page = await services.client.page(sought_by(params), most=limit, after=params.get("cursor", ""))
    home = services.settings.home_path
    rows = [task_detail(task, home) for task in page.tasks]
    return answer(request, TaskPage(tasks=rows, next=page.next, stopped_early=page.stopped_early))


def sought_by(params: QueryParams) -> Sought:
    """Which tasks a query string asks for; what is empty asks for nothing. Raises InputError."""
    return Sought(
        states=frozenset(_one(TaskState, "state", text) for text in params.getlist("state") if text),
        agent=params.get("agent", ""),
        kind=_one(TaskKind, "kind", params["kind"]) if params.get("kind") else None,
        text=short_text("q", params.get("q", ""), _TEXT_MOST_CHARS),
        asks=flag("asks", params.get("asks", "")),
        patch=_one(PatchState, "patch", params["patch"]) if params.get("patch") else None,
    )


async def hand_in(request: Request) -> Response:
    """Take one job, or a list of them. Each is on the disk before this answers."""
    services, key = Services.of(request), request.headers.get("idempotency-key", "")
    asked: Job | list[Job] = await read_body(request, Job | list[Job])
    if isinstance(asked, Job):
        return answer(request, (await take_jobs(services, [Asked(asked, key)]))[0], 201)
    if not 0 < len(asked) <= JOBS_MOST:
        raise InputError("body", f"takes 1 to {JOBS_MOST} jobs in a list, not {len(asked)}")
    jobs = [Asked(job, f"{key}-{number}" if key else "", f"[{number}].") for number, job in enumerate(asked)]
    return answer(request, Jobs(runs=await take_jobs(services, jobs)), 201)


async def show_task(request: Request) -> Response:
    """One task, purged ones too."""
    services = Services.of(request)
    task = await services.client.task(_id(request))
    counted = await asyncio.to_thread(with_costs, [task], services.settings.home_path)
    return answer(request, task_detail(counted[0], services.settings.home_path))


async def show_steps(request: Request) -> Response:
    """What its attempts did."""
    services = Services.of(request)
    task = await services.client.task(_id(request))
    return answer(request, Steps(steps=await asyncio.to_thread(step_rows, task, services.settings.home_path)))


async def show_patch(request: Request) -> Response:
    """Its patch, as it would be applied."""
    return await _file(request, patch_of, "text/x-diff", "it made no patch")


async def show_report(request: Request) -> Response:
    """What it has found, or done."""
    return await _file(request, lambda task, _: task.report, "text/markdown", "it wrote no report")


async def _file(request: Request, name_of: Callable[[Task, Path], str], media: str, why_not: str) -> Response:
    services = Services.of(request)
    task, home = await services.client.task(_id(request)), services.settings.home_path
    data = await asyncio.to_thread(lambda: read_beneath(home, name_of(task, home)))
    if data is None:
        raise HTTPException(404, f"task {task.id}: {why_not}, or it is forgotten")
    return Response(data, media_type=f"{media}; charset=utf-8", headers={"cache-control": "private, no-cache"})


async def cancel(request: Request) -> Response:
    """Cancel it; a running one is asked to stop."""
    await read_body(request, Empty)
    services, task_id = Services.of(request), _id(request)
    await services.client.task(task_id)
    return answer(request, TaskAnswer(id=task_id, answer=(await services.client.cancel([task_id]))[0]))


async def retry(request: Request) -> Response:
    """Have an ended one tried again."""
    again: RetryRequest = await read_body(request, RetryRequest)
    services, task_id = Services.of(request), _id(request)
    await services.client.task(task_id)
    answers = await services.client.retry([task_id], fresh=again.fresh, from_step=again.from_step)
    return answer(request, TaskAnswer(id=task_id, answer=answers[0].value))


async def apply(request: Request) -> Response:
    """Put its patch into the workspace."""
    merging: ApplyRequest = await read_body(request, ApplyRequest)
    services, task_id = Services.of(request), _id(request)
    outcome = await services.client.operator.apply(task_id, merge=merging.merge)
    return answer(request, outcome, 200 if outcome.state == "applied" else 409)


async def approve(request: Request) -> Response:
    """Let it do what it asks for."""
    given: ApproveRequest = await read_body(request, ApproveRequest)
    return await _decide(request, Approval.APPROVE, given.question)


async def deny(request: Request) -> Response:
    """Do not let it; the words reach its agent."""
    given: DenyRequest = await read_body(request, DenyRequest)
    return await _decide(request, Approval.DENY, given.question, given.why)


async def _decide(request: Request, verdict: Approval, question: str, why: str = "") -> Response:
    services, task_id = Services.of(request), _id(request)
    await services.client.task(task_id)
    grant: Grant = request.scope["grant"]
    by = f"{grant.kind.value} {grant.id} {grant.name}"
    decided = await services.client.operator.decide(task_id, verdict, why, question=question, by=by)
    return answer(request, TaskAnswer(id=task_id, answer=decided.answer.value))


def _id(request: Request) -> str:
    return check_ids([request.path_params["id"]])[0]


def _one(kind: Any, field: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise InputError(field, f"takes {', '.join(kind)}, not {text[:80]!r}") from None


def _choices(kind: type[StrEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": ["", *(one.value for one in kind)]}  # "": a form's field that was left as it was


_QUERIES = (
    Query(
        name="state",
        schema={"type": "array", "items": _choices(TaskState)},
        what="Only tasks in one of these states.",
    ),
    Query(name="agent", schema={"type": "string"}, what="Only tasks of this agent."),
    Query(name="kind", schema=_choices(TaskKind), what="Only tasks of this kind."),
    Query(
        name="q",
        schema={"type": "string", "maxLength": _TEXT_MOST_CHARS},
        what="Somewhere in title, summary, error or id.",
    ),
    Query(name="asks", schema={"type": "string", "enum": ["", "true", "false"]}, what="Only those that ask a person."),
    Query(name="patch", schema=_choices(PatchState), what="Only with a patch that stands so."),
    Query(name="limit", schema={"type": "integer", "minimum": 1, "maximum": _PAGE_MOST}, what="Tasks on a page."),
    Query(name="cursor", schema={"type": "string"}, what="`next` of the page before."),
)
_KEY = Query(
    name="Idempotency-Key",
    where="header",
    schema={"type": "string"},
    what="A repetition under this key is the same job; of a list, the key of each ends in its number.",
)

ROUTES = (
    Route(
        method="GET", path="/api/tasks", role=Role.READ, endpoint=list_tasks, gives=TaskPage, queries=_QUERIES,
        raises=(422,), what="Tasks: running first, then those that wait, then what ended last.",
    ),
    Route(
        method="POST", path="/api/tasks", role=Role.OPERATE, endpoint=hand_in, takes=Job | list[Job],
        gives=(RunResult, Jobs), status=201, queries=(_KEY,), raises=(402, 404, 409, 422, 507),
        what="Hand in a job, or a list of them; with an Idempotency-Key, a repetition is the same job.",
    ),
    Route(
        method="GET", path=_TASK, role=Role.READ, endpoint=show_task, gives=TaskDetail, raises=(404, 422),
        what="One task, purged ones too.",
    ),
    Route(
        method="GET", path=f"{_TASK}/steps", role=Role.READ, endpoint=show_steps, gives=Steps, raises=(404, 422),
        what="What its attempts did: answers, tools, tries that failed.",
    ),
    Route(
        method="GET", path=f"{_TASK}/patch", role=Role.READ, endpoint=show_patch, raises=(404, 422),
        given_as="text/x-diff", what="Its patch, as git would apply it.",
    ),
    Route(
        method="GET", path=f"{_TASK}/report", role=Role.READ, endpoint=show_report, raises=(404, 422),
        given_as="text/markdown", what="Its report.",
    ),
    Route(
        method="POST", path=f"{_TASK}/cancel", role=Role.OPERATE, endpoint=cancel, takes=Empty, gives=TaskAnswer,
        raises=(404, 422), what="Cancel it; a running one is asked to stop.",
    ),
    Route(
        method="POST", path=f"{_TASK}/retry", role=Role.OPERATE, endpoint=retry, takes=RetryRequest, gives=TaskAnswer,
        raises=(404, 422), what="Have an ended one tried again, from where it stopped.",
    ),
    Route(
        method="POST", path=f"{_TASK}/apply", role=Role.OPERATE, endpoint=apply, takes=ApplyRequest, gives=ApplyOutcome,
        raises=(404, 409, 422), what="Put its patch into the workspace.",
    ),
    Route(
        method="POST", path=f"{_TASK}/approve", role=Role.OPERATE, endpoint=approve, takes=ApproveRequest,
        gives=TaskAnswer, raises=(404, 422), what="Let it do what it asks for now.",
    ),
    Route(
        method="POST", path=f"{_TASK}/deny", role=Role.OPERATE, endpoint=deny, takes=DenyRequest, gives=TaskAnswer,
        raises=(404, 422), what="Do not let it; the words reach its agent.",
    ),
)  # fmt: skip
