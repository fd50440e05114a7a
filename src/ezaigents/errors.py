"""Every error Ez Aigents raises on purpose, one tree, branched by what the caller should do.

    EzError
    ├── ConfigError            mend the configuration (a setting, a file, a missing program)
    │   ├── EngineMissing      no engine program on this machine
    │   └── EngineUnfit        the engine's version, eviction or persistence is unusable
    ├── InputError             mend the input; `field` names what is wrong
    │   ├── KeyConflict        the idempotency key was used with another body
    │   └── AgentUnavailable   the agent exists and cannot work now; `reason` says why
    ├── RetryLater             nothing is wrong with the request; `retryable` is True
    │   ├── EngineDown         the engine does not answer
    │   │   └── EngineFull     its disk or its memory is full
    │   └── NotRunning         no fleet serves this data folder
    ├── LimitReached           refused by a limit that the user can raise
    │   └── QueueFull          too many open tasks
    ├── HostConflict           a living host already has this name on this data folder
    └── GiveUp                 repeating the call can never succeed
        └── TaskGone           no such task

`exit_code` is what the command line leaves with (1 a task failed, 2 usage, 3 unreachable, 4 limit).
"""

from __future__ import annotations

from typing import ClassVar


class EzError(Exception):
    """Root of the tree. `str()` says what happened, to what, and what to do next."""

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1


class ConfigError(EzError):
    """The configuration cannot work; nothing was started."""

    exit_code = 2


class EngineMissing(ConfigError):
    """No engine program was found on this machine."""

    exit_code = 3


class EngineUnfit(ConfigError):
    """The engine answered and its version, eviction policy or persistence is unusable."""

    exit_code = 3


class InputError(EzError):
    """An argument is wrong. `field` is the argument's public name."""

    exit_code = 2

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class KeyConflict(InputError):
    """The idempotency key belongs to `task_id`, whose body differs from this one."""

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__("key", f"idempotency key {key!r} was used for task {task_id} with another body; use a new key")
        self.key = key
        self.task_id = task_id


class AgentUnavailable(InputError):
    """The agent is declared and cannot work; `reason` is what its row in `ez agents` says."""

    def __init__(self, agent: str, reason: str) -> None:
        super().__init__("agent", f"{agent} cannot take tasks: {reason}")
        self.agent = agent
        self.reason = reason


class RetryLater(EzError):
    """The same call may succeed later, unchanged."""

    retryable = True
    exit_code = 3


class EngineDown(RetryLater):
    """The engine does not answer; the outcome of a call in flight is unknown."""


class EngineFull(EngineDown):
    """The engine refuses writes: its memory or its disk is full."""

    exit_code = 4


class NotRunning(RetryLater):
    """No fleet serves this data folder."""


class LimitReached(EzError):
    """Refused by a limit; the message says which, and how to raise it."""

    exit_code = 4


class QueueFull(LimitReached):
    """The queue holds as many open tasks as it may."""

    def __init__(self, open_tasks: int, limit: int) -> None:
        super().__init__(
            f"the queue is full: {open_tasks} open tasks, limit {limit}; "
            "wait, cancel some, or raise queue_max_open in ezaigents.toml"
        )
        self.open_tasks = open_tasks
        self.limit = limit


class HostConflict(EzError):
    """A living host of the same name holds this data folder."""

    exit_code = 3

    def __init__(self, name: str, pid: int, home: str) -> None:
        super().__init__(
            f"a host named {name!r} already runs on {home} (pid {pid}); "
            "use it, stop it with `ez down`, or start another with `ez up --name OTHER`"
        )
        self.name = name
        self.pid = pid
        self.home = home


class GiveUp(EzError):
    """Repeating the call can never succeed."""


class TaskGone(GiveUp):
    """No task of this id is known."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task {task_id}; `ez tasks` lists those there are")
        self.task_id = task_id
