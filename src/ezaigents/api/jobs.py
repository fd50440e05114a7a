"""What a program asks for. Job: a JSON wish to the client's Wish, with clear errors; pure but for looking at paths.

Not its job: handing it in (routes/tasks).
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec

from ezaigents.client import Wish, check_prompt
from ezaigents.errors import InputError
from ezaigents.records import TaskKind
from ezaigents.sandbox import parse_command
from ezaigents.settings import Settings
from ezaigents.workspace import InputResolver

JOBS_MOST = 100
_PATHS_MOST = 1000
_PRIORITY_MOST = 9
_LATER_MOST_S = 365 * 86_400
_ATTEMPTS_MOST = 1000
_BUDGET_MOST_USD = 1_000_000


def _said(**bounds: float) -> msgspec.Meta:
    """Bounds that the schema tells, and that are checked below, with better words than a schema has."""
    return msgspec.Meta(extra_json_schema=bounds)


_Later = Annotated[float, _said(minimum=0, maximum=_LATER_MOST_S)]


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job, as `ez run` takes it. `paths`: files and folders of the workspace, none = all of it.

    `check`: a command that must succeed, as one would type it. `budget_usd`: what the run may cost, 0 = as the settings
    say. `delay_s`, `deadline_s`: from now. `key`: handed in twice under one key, it is the same job.
    """

    prompt: Annotated[str, _said(minLength=1)]
    paths: Annotated[tuple[str, ...], _said(maxItems=_PATHS_MOST)] = ()
    agent: str = "auto"
    kind: TaskKind = TaskKind.ANALYZE
    priority: Annotated[int, _said(minimum=0, maximum=_PRIORITY_MOST)] = 5
    delay_s: _Later = 0.0
    deadline_s: _Later = 0.0
    max_attempts: Annotated[int, _said(minimum=1, maximum=_ATTEMPTS_MOST)] = 3
    key: str = ""
    apply: bool = False
    check: str = ""
    budget_usd: Annotated[float, _said(minimum=0, maximum=_BUDGET_MOST_USD)] = 0.0
    record: bool = False


def resolver_of(settings: Settings) -> InputResolver:
    """Paths as programs name them: from the workspace on."""
    return InputResolver(settings.workspace, settings.workspace, home=settings.home_path)


def wish_of(asked: JobSpec, resolver: InputResolver, key: str = "") -> Wish:
    """The wish behind what was asked for. Raises InputError naming the field, and what paths are refused for.

    `resolver`: one for all jobs of a request.
    """
    check_prompt(asked.prompt)
    _within("priority", asked.priority, 0, _PRIORITY_MOST)
    _within("delay_s", asked.delay_s, 0, _LATER_MOST_S)
    _within("deadline_s", asked.deadline_s, 0, _LATER_MOST_S)
    _within("max_attempts", asked.max_attempts, 1, _ATTEMPTS_MOST)
    _within("budget_usd", asked.budget_usd, 0, _BUDGET_MOST_USD)
    if len(asked.paths) > _PATHS_MOST:
        raise InputError("paths", f"takes {_PATHS_MOST:,} names at most; name a folder")
    if any("\0" in path for path in asked.paths):
        raise InputError("paths", "holds a NUL character")
    return Wish(
        prompt=asked.prompt,
        paths=_paths(asked, resolver),
        agent=asked.agent,
        kind=asked.kind,
        priority=asked.priority,
        delay_ms=round(asked.delay_s * 1000),
        deadline_ms=round((time.time() + asked.deadline_s) * 1000) if asked.deadline_s else 0,
        max_attempts=asked.max_attempts,
        key=asked.key or key,
        apply=asked.apply,
        check=_command(asked.check),
        budget_microusd=max(1, round(asked.budget_usd * 1_000_000)) if asked.budget_usd else 0,
        record=asked.record,
    )


def _command(line: str) -> tuple[str, ...]:
    try:
        return tuple(parse_command(line)) if line.strip() else ()
    except InputError as error:
        raise InputError("check", error.message) from error


def _paths(asked: JobSpec, resolver: InputResolver) -> tuple[str, ...]:
    try:
        return tuple(resolver.resolve(asked.paths or (".",)))
    except InputError as error:
        raise InputError("paths", error.message) from error


def _within(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InputError(field, f"takes {least:g} to {most:,g}, not {str(value)[:40]}")
