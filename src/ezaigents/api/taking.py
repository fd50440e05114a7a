"""Taking jobs. Job: plan all of a request, then hand all of it in, with one look at the fleet and at each file.

Nothing is handed in before all of it is planned. Not its job: HTTP (routes/tasks), what a job is (jobs).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ezaigents.api.jobs import JobSpec, resolver_of, wish_of
from ezaigents.api.services import Services
from ezaigents.client import (
    Handed,
    InputFiles,
    Outlook,
    Plan,
    RunResult,
    Wish,
    accepted_row,
    plan_in,
    run_result,
    with_forecast,
)
from ezaigents.errors import InputError, KeyConflict, LimitReached
from ezaigents.policy import SUBMIT_BATCH
from ezaigents.settings import Settings
from ezaigents.workspace import InputResolver


class Job(JobSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job. `yes`: hand it in although it may cost more than the setting `ask_above_usd`."""

    yes: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A job of a request. `key`: where it names none itself. `place`: where in the body it stands, for errors."""

    job: Job
    key: str = ""
    place: str = ""


async def take_jobs(services: Services, asked: Sequence[Asked]) -> list[RunResult]:
    """Hand in jobs; they are on the disk when this returns. Up to 100 tasks are taken together, or none of them."""
    outlook, settings = await services.lookout.look(), services.settings
    files = InputFiles(settings.workspace_path, settings.home_path)
    wishes: list[Wish] = []

    def plan() -> list[Wish]:
        resolver = resolver_of(settings)
        wishes.extend(_planned(outlook, settings, one, resolver, files).wish for one in asked)
        return wishes

    try:
        handed = await services.client.submit_planned(plan, outlook.hosts, files)
    except KeyConflict as error:
        error.field = _place_of(error.key, asked, wishes) + error.field
        raise
    return [await _told(services, one) for one in handed]


def _place_of(key: str, asked: Sequence[Asked], wishes: Sequence[Wish]) -> str:
    """Which job a task's key is of."""
    pairs = zip(asked, wishes, strict=True)
    return next((one.place for one, wish in pairs if wish.key and key.startswith(f"{wish.key}#")), "")


def _planned(outlook: Outlook, settings: Settings, asked: Asked, resolver: InputResolver, files: InputFiles) -> Plan:
    job = asked.job
    try:
        planned = plan_in(outlook, settings, wish_of(job, resolver, asked.key), files)
    except InputError as error:
        field = "paths" if error.field == "path" else error.field
        raise InputError(asked.place + field, error.message) from error
    if job.yes or planned.agent.simulated:  # whatever it costs, it is taken
        return planned
    planned = with_forecast(planned, outlook, files)
    if planned.costs_more_than(settings.ask_above_usd):
        from ezaigents.budget import shown_usd

        most = shown_usd(planned.forecast.high) if planned.forecast else ""
        raise LimitReached(f"this may cost up to {most}, more than ask_above_usd; to hand it in all the same: yes")
    return planned


async def _told(services: Services, handed: Handed) -> RunResult:
    """A run as it was accepted; as it is now where it was there before, or took more than one call of the queue."""
    if not handed.again and len(handed.specs) <= SUBMIT_BATCH:
        return RunResult(run=handed.run.id, tasks=[accepted_row(spec) for spec in handed.specs])
    tasks = await services.client.tasks([spec.id for spec in handed.specs])
    return run_result(handed.run.id, tasks, services.settings.home_path)
