"""What the loop, the tools and the end of one attempt share. Job: the parts in one hand; writing records down.

Not its job: deciding what comes next (conversation), doing it (session, using, ending).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from ezaigents.agents import Context, TaskFailed
from ezaigents.agents.definition import Definition
from ezaigents.agents.model import prompting
from ezaigents.agents.model.brief import Brief
from ezaigents.agents.model.conversation import Conversation
from ezaigents.agents.model.journal import Journal, Record
from ezaigents.agents.model.limits import Limits, Used, limits_for
from ezaigents.agents.model.services import Services, Workshop
from ezaigents.agents.tools import CommandResult, Commands, Toolbox
from ezaigents.endings import in_thread
from ezaigents.records import Claim
from ezaigents.workspace import DiskFull

CHANGING = frozenset({"edit", "write", "delete", "rename"})
"""Tools that change files of the attempt."""
_COMMAND_LEAST_S = 1.0


class Work:
    """One attempt at one task. `open` before anything else; `note` is the only way on."""

    def __init__(
        self, definition: Definition, services: Services, claim: Claim, brief: Brief, context: Context
    ) -> None:
        self.definition = definition
        self.services = services
        self.claim = claim
        self.brief = brief
        self.context = context
        self.limits: Limits = limits_for(definition, context.settings)
        self.talk = Conversation()
        self.paused_s = 0.0
        """How long this attempt waited because somebody paused its agent."""
        self.earlier_ms = 0
        """How long the attempts before this one worked."""
        self.workshop: Workshop
        self.toolbox: Toolbox
        self._journal = Journal(context.task_folder())
        self._began_s = time.monotonic()

    def open(self, talk: Conversation, workshop: Workshop) -> None:
        """Go on from where the earlier attempts stood."""
        self.talk, self.workshop, self.earlier_ms = talk, workshop, talk.worked_ms
        commands = workshop.commands
        closed = CHANGING if self.claim.kind in prompting.READING_KINDS else frozenset[str]()
        self.toolbox = Toolbox(
            self.context,
            allowed=[tool for tool in self.definition.tools if tool not in closed],
            commands=None if commands is None else _Timed(commands, self),
            why_no_commands=workshop.why_not,
            named=self.brief.paths,
        )

    async def note(self, *records: Record) -> None:
        """Bring records to the disk, then go on by them; whoever is cancelled meanwhile sees them written first."""
        try:
            await in_thread(partial(self._journal.append, *records))
        except DiskFull as error:
            raise TaskFailed(str(error), retryable=True) from error
        for record in records:
            self.talk.take(record)
        self.context.voice.went_on()

    def close(self) -> None:
        """Let go of the journal. May be repeated."""
        self._journal.close()

    def now_ms(self) -> int:
        """Wall time."""
        return self.services.clock.wall_ms()

    def used(self) -> Used:
        """What the task has taken of its limits, all its attempts together."""
        own_s = time.monotonic() - self._began_s - self.paused_s
        return Used(
            steps=self.talk.steps,
            tokens=self.talk.tokens,
            time_s=self.earlier_ms / 1000 + max(0.0, own_s),
            microusd=self.talk.cost_microusd,
        )

    def time_left_s(self) -> float:
        """Until the task's limit of time; never below a second, so that what begins can also end."""
        return max(_COMMAND_LEAST_S, self.limits.time_s - self.used().time_s)

    def clean(self, text: str) -> str:
        """A text without keys, for reports, results and the audit."""
        return self.services.caller.redacted(text)


class _Timed:
    """Commands that end with the task's time."""

    def __init__(self, commands: Commands, work: Work) -> None:
        self._commands = commands
        self._work = work

    async def run(self, argv: Sequence[str], *, cwd: str, timeout_s: float) -> CommandResult:
        """Run it, but no longer than the task may work."""
        return await self._commands.run(argv, cwd=cwd, timeout_s=min(timeout_s, self._work.time_left_s()))
