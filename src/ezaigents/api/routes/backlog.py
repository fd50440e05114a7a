"""`/api/queue`: what waits and what has died; `/api/tasks/retry`, `/cancel`: many tasks at once; `/api/stop`: all."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import Empty, answer, read_body
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import Backlog, Halted, backlog_of, check_ids

_IDS_MOST = 1000
_TAKEN = ("OK", "ASKED")
_Ids = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=_IDS_MOST)]


class TaskIds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids of tasks, at most 1,000."""

    ids: _Ids


class TaskAnswers(msgspec.Struct, frozen=True):
    """What became of each: how many got which answer, and the ids of those that were neither `OK` nor `ASKED`."""

    counts: dict[str, int]
    refused: list[str]


async def queue(request: Request) -> Response:
    """Depths, ages, the dead by reason."""
    return answer(request, await backlog_of(Services.of(request).client))


async def retry_many(request: Request) -> Response:
    """Have ended tasks tried again, from where they stopped."""
    ids = await _ids(request)
    answers = await Services.of(request).client.retry(ids)
    return answer(request, _counted(ids, [one.value for one in answers]))


async def cancel_many(request: Request) -> Response:
    """Cancel tasks; running ones are asked to stop."""
    ids = await _ids(request)
    return answer(request, _counted(ids, await Services.of(request).client.cancel(ids)))


async def stop_all(request: Request) -> Response:
    """Stop all work within two seconds; everything is paused then."""
    await read_body(request, Empty)
    return answer(request, await Services.of(request).client.operator.stop_all())


async def _ids(request: Request) -> list[str]:
    asked: TaskIds = await read_body(request, TaskIds)
    return list(dict.fromkeys(check_ids(asked.ids)))


def _counted(ids: list[str], answers: list[str]) -> TaskAnswers:
    counts: dict[str, int] = {}
    for one in answers:
        counts[one] = counts.get(one, 0) + 1
    return TaskAnswers(counts, [one for one, given in zip(ids, answers, strict=True) if given not in _TAKEN])


ROUTES = (
    Route(
        method="GET", path="/api/queue", role=Role.READ, endpoint=queue, gives=Backlog,
        what="What waits, how long, and what has died of what.",
    ),
    Route(
        method="POST", path="/api/tasks/retry", role=Role.OPERATE, endpoint=retry_many, takes=TaskIds,
        gives=TaskAnswers, raises=(422,), what="Have many ended tasks tried again.",
    ),
    Route(
        method="POST", path="/api/tasks/cancel", role=Role.OPERATE, endpoint=cancel_many, takes=TaskIds,
        gives=TaskAnswers, raises=(422,), what="Cancel many tasks.",
    ),
    Route(
        method="POST", path="/api/stop", role=Role.OPERATE, endpoint=stop_all, takes=Empty, gives=Halted,
        raises=(422,), what="Stop all work within two seconds, losing nothing; everything is paused until resumed.",
    ),
)  # fmt: skip
