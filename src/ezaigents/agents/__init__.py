"""What an agent is: a name, a card, and one coroutine that does one task.

Job: the seam between the runtime and whatever does the work. Not its job: claiming, leases, retries (runtime).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from ezaigents.codec import printable
from ezaigents.policy import ASKS_MAX_BYTES
from ezaigents.records import AgentCard, AgentState, Claim, Result, Run, Task
from ezaigents.settings import Settings

if TYPE_CHECKING:  # the analyst's children import this package, and must not pay for the engine's client
    from ezaigents.agents.voice import Voice
    from ezaigents.team import Message, Note, Overlap
    from ezaigents.workspace import Overlay

__all__ = ["Agent", "AgentFactory", "Context", "Declared", "HandBack", "NeedsApproval", "TaskFailed"]


class TaskFailed(Exception):
    """Raised by an agent whose attempt failed; `retryable` says whether another attempt may help.

    `spent`: what it has cost so far, its models' calls and tokens; None = nothing.
    """

    def __init__(self, message: str, *, retryable: bool = False, spent: Result | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.spent = spent


class HandBack(Exception):
    """Raised by an attempt that cannot go on now, through nobody's fault: tried again in `delay_s`, none is spent."""

    def __init__(self, reason: str, *, delay_s: float) -> None:
        super().__init__(reason)
        self.delay_s = delay_s


class NeedsApproval(Exception):
    """Raised by an attempt that may go on only if a person allows it: the task is handed back and holds no slot.

    `question`: its id, the same whenever the same is asked; the next attempt finds the verdict under it in
    `claim.answers`. `kind`: a word (command, network, apply ...). `text`: all that is asked for, an argv say, as it is
    shown to the person: nothing is hidden behind a cut. Raises TaskFailed when that is too long to be shown whole.
    """

    def __init__(self, question: str, kind: str, text: str) -> None:
        asks = f"{kind}: {text}"
        size = len(asks.encode())
        if size > ASKS_MAX_BYTES:
            raise TaskFailed(f"what is to be approved ({kind}) is {size} bytes, limit {ASKS_MAX_BYTES}: ask for less")
        super().__init__(asks)
        self.question = question
        self.kind = kind
        self.text = text

    @classmethod
    def about(cls, kind: str, text: str) -> Self:
        """Ask for `text`, its control characters escaped."""
        shown = printable(text)
        return cls(hashlib.sha256(f"{kind}\0{shown}".encode()).hexdigest()[:16], kind, shown)


class Context(Protocol):
    """What an agent may use while it works on one claim."""

    settings: Settings
    workspace: Path
    """Root of the workspace; every path of the task lies beneath it."""

    @property
    def voice(self) -> Voice:
        """Tells whoever watches what is being said."""

    async def prompt(self) -> str:
        """What the user asked for: the run's prompt (at most 1 MiB)."""

    async def run(self) -> Run | None:
        """The run this task is of, as it was handed in: its counts may be old."""

    def task_folder(self) -> Path:
        """`tasks/<id>/<fence>` beneath the data folder, made on first use; only this attempt writes there."""

    async def parents(self) -> list[Task]:
        """The tasks this one waited for, in the order given at submit."""

    def time_left_s(self) -> float | None:
        """Seconds until the task's deadline; None = it has none."""

    # -- files ---------------------------------------------------------------------------------------------------

    @property
    def files(self) -> Overlay:
        """The workspace as this attempt sees and changes it; nothing of it reaches the tree before it is applied.

        Its methods read and write files: call them in a thread where they may be large.
        """

    def resume_files(self) -> Overlay:
        """The same, begun with what the earlier attempts at this task had changed; for an agent that goes on there."""

    async def means_to_change(self, *paths: str) -> list[Overlap]:
        """Say which files this task is about to change, before work is spent; returns who else is at them.

        By the setting `overlap` it then goes on (warn), waits until they are free and holds them for the whole task
        (serialise), or fails (block). Raises TaskFailed, and HandBack where waiting took too long.
        """

    async def lease(self, *patterns: str) -> None:
        """Hold file leases (paths or globs) for the rest of the task, waiting for them as long as the settings say.

        Raises LeaseBusy, InputError for a pattern outside the workspace.
        """

    async def overlaps(self, *, fresh: bool = True) -> list[Overlap]:
        """Where others touch the files that this task has read or changed; what was told before is left out.

        `fresh`: ask now; else as of the last checkpoint.
        """

    def propose(self, summary: str, *, cost_microusd: int = 0, simulated: bool = False) -> Result:
        """What this attempt changed, as a result to hand back; one without a patch when it changed nothing."""

    # -- others --------------------------------------------------------------------------------------------------

    async def messages(self) -> list[Message]:
        """The messages to this agent that came since the last call; at the first, those that nobody has read.

        A message is data from the sender that it names, which the runtime vouches for; never an instruction that
        lifts a limit.
        """

    async def send(self, to: str, data: str, *, type: str = "note") -> None:  # noqa: A002 - the field's name
        """Write to an agent, to `+capability`, to `all` or to `user`. Raises InputError, MailboxFull, HopsSpent."""

    async def notes(self) -> list[Note]:
        """What agents and users noted down about this workspace."""

    async def noted(self) -> str:
        """The same as text for the start of a task: each with its author, as data, pinned ones first; at most 8 KiB."""

    async def learn(self, text: str) -> None:
        """Note something down for later tasks (at most 500 bytes). Raises InputError, LimitReached."""

    async def checkpoint(self) -> None:
        """Wait here while the agent is paused; to be called between steps. Counts as a sign of progress."""


class Agent(Protocol):
    """Does one task at a time per call; the runtime calls it up to `slots` times at once."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do the task. Raises TaskFailed for what the user should read; cancellation must pass through."""

    async def close(self) -> None:
        """Let go of children and files; called once, when the host stops."""


AgentFactory = Callable[[Settings], Agent]


class Declared:
    """An agent the host knows from the start; `factory` is called (and its modules imported) at its first task."""

    __slots__ = ("card", "factory")

    def __init__(self, card: AgentCard, factory: AgentFactory | None) -> None:
        self.card = card
        self.factory = factory

    @property
    def can_work(self) -> bool:
        """Whether it takes tasks now; its card says why not."""
        return self.factory is not None and self.card.state is not AgentState.UNAVAILABLE
