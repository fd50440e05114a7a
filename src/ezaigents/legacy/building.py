"""From what an old entry asks for to a task here. Job: its run and its task, under ids that were chosen before.

Each entry is a run of one task, because each has a prompt of its own. Not its job: handing it in.
"""

from __future__ import annotations

import os
from pathlib import Path

from ezaigents.agents.model.brief import Brief, encode_brief
from ezaigents.client import check_prompt, write_prompt
from ezaigents.errors import InputError
from ezaigents.legacy.entries import Asked, Unmapped
from ezaigents.policy import PROMPT_INLINE_MAX_BYTES
from ezaigents.records import Run, TaskSpec

_ATTEMPTS = 3


def whole_prompt(asked: Asked, missing: tuple[str, ...]) -> str:
    """What the agent is told: the entry's words, and which files it is to make. Raises Unmapped."""
    names = "\n".join(f"- {name}" for name in missing)
    prompt = f"{asked.prompt}\n\nNot in the workspace yet:\n{names}" if missing else asked.prompt
    try:
        check_prompt(prompt)
    except InputError as error:
        raise Unmapped(f"its prompt {error.message}") from None
    return prompt


def build(
    asked: Asked,
    missing: tuple[str, ...],
    *,
    run: str,
    task: str,
    key: str,
    home: Path,
    workspace: Path,
    place: str,
    apply: bool = False,
    parents: tuple[str, ...] = (),
) -> tuple[Run, TaskSpec]:
    """Make the run and its task; a long prompt is on the disk when this returns. Raises Unmapped, OSError."""
    prompt = whole_prompt(asked, missing)
    prompt_file = write_prompt(home, run, prompt) if len(prompt.encode()) > PROMPT_INLINE_MAX_BYTES else ""
    paths = tuple(name for name in asked.files if name not in missing)
    spec = TaskSpec(
        id=task,
        run=run,
        agent=asked.agent,
        place=place,
        kind=asked.kind,
        title=asked.title,
        payload=encode_brief(home, run, Brief(paths=paths)),
        priority=asked.priority,
        max_attempts=_ATTEMPTS,
        parents=parents,
        key=key,
    )
    made = Run(
        id=run,
        prompt="" if prompt_file else prompt,
        prompt_file=prompt_file,
        agent=asked.agent,
        kind=asked.kind,
        workspace=os.fsencode(workspace).decode("utf-8", "backslashreplace"),
        place=place,
        summary_task=task,
        apply=apply,
    )
    return made, spec
