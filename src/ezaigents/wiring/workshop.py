"""Commands for an attempt: a working copy and a sandbox, made at the first command.

Job: the attempt's changes into the copy, the command, what it changed back into the attempt. Not its job: the walls
(sandbox), the copy (worktrees), which commands need a person (agents/model/permission). Files that no model is shown
are not in the copy: what a command prints goes to the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ezaigents.agents import Context
from ezaigents.agents.model.services import Workshop
from ezaigents.agents.tools import CommandResult, why_closed
from ezaigents.codec import printable, restored
from ezaigents.endings import ended
from ezaigents.errors import EzError, InputError, RetryLater
from ezaigents.records import Claim
from ezaigents.sandbox import DEPENDENCIES, NOT_STARTED, CommandOutcome, Ended, Sandbox, find_sandbox
from ezaigents.settings import Settings
from ezaigents.workspace import FileMissing
from ezaigents.worktrees import Content, CopyChanges, WorkingCopy, Worktrees

_log = logging.getLogger(__name__)
_NAMES_MOST = 20
_EXECUTABLE = 0o100
_LITTER_FOLDERS = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", "node_modules"}
)
_LITTER_ENDS = (".pyc", ".pyo", ".o", ".class")


class SandboxFailed(RetryLater):
    """The walls could not be put up: no fault of the command, which did not run."""


class Workshops:
    """Makes one for each attempt; which sandbox works is found out once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._finding: asyncio.Future[tuple[Sandbox | None, str]] | None = None
        self._worktrees = Worktrees(
            settings.home_path,
            settings.workspace_path,
            most=settings.worktrees_most,
            max_bytes=settings.worktree_max_bytes,
            file_bytes=settings.file_limit_bytes,
            linked=DEPENDENCIES,
        )

    async def open(self, claim: Claim, context: Context, named: Sequence[str]) -> Workshop:
        """A workshop for this attempt; without commands, and with the reason, where no sandbox works.

        `named`: files that the user named; these are in the copy though they be named like secrets.
        """
        if self._finding is None:
            self._finding = asyncio.ensure_future(self._find())
        sandbox, why_not = await asyncio.shield(self._finding)
        if sandbox is None:
            return NoWorkshop(why_not)
        return CopyWorkshop(self._settings, self._worktrees, sandbox, claim, context, frozenset(named))

    async def _find(self) -> tuple[Sandbox | None, str]:
        try:
            await self._worktrees.tidy()
        except (EzError, OSError) as error:
            _log.warning("working copies of attempts that died stay: %s", error)
        try:
            return await asyncio.to_thread(find_sandbox, self._settings)
        except (EzError, OSError) as error:
            self._finding = None  # looked for again by the next attempt
            return None, f"the sandbox could not be tried: {error}"

    async def dirty(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the paths that hold changes git does not know; none outside a git repository."""
        return await self._worktrees.uncommitted(paths)


class NoWorkshop:
    """Commands are off; `why_not` says why."""

    commands = None

    def __init__(self, why_not: str) -> None:
        self.why_not = why_not

    async def check(self, argv: Sequence[str], *, timeout_s: float) -> CommandResult:
        """There is nothing to run it. Raises InputError."""
        raise InputError("check", f"cannot be run: {self.why_not}")

    async def close(self) -> None:
        """Nothing is held."""


class CopyWorkshop:
    """Commands in a working copy of their own; implements `agents.tools.Commands`. One command at a time."""

    def __init__(
        self,
        settings: Settings,
        worktrees: Worktrees,
        sandbox: Sandbox,
        claim: Claim,
        context: Context,
        named: frozenset[str],
    ) -> None:
        self.why_not = ""
        self._settings = settings
        self._worktrees = worktrees
        self._sandbox = sandbox
        self._claim = claim
        self._context = context
        self._named = named
        self._copy: WorkingCopy | None = None

    @property
    def commands(self) -> CopyWorkshop:
        """What runs them."""
        return self

    async def run(self, argv: Sequence[str], *, cwd: str, timeout_s: float) -> CommandResult:
        """Run `argv` on the files as the attempt has them; what it changed and made becomes the attempt's own.

        What .gitignore hides stays in the copy, and so does the litter of compilers and test runs. Raises what making
        the copy raises.
        """
        copy = await self._up_to_date()
        outcome = await self._in_sandbox(copy, argv, cwd, timeout_s)
        changes = await self._worktrees.changes(copy)
        taken, refused = await self._take(copy, changes)
        await self._worktrees.taken(copy)
        return CommandResult(
            exit_code=outcome.exit_code,
            ended=outcome.ended.value,
            output=outcome.output + _words(refused).encode("utf-8", "backslashreplace"),
            changed=tuple(taken),
        )

    async def check(self, argv: Sequence[str], *, timeout_s: float) -> CommandResult:
        """Run `argv` in a copy that holds what the patch will come to and nothing else; what it changes is dropped.

        What earlier commands left hidden by .gitignore must not help it: the user does not have that.
        """
        await self.close()
        copy = await self._up_to_date()
        await self._worktrees.disown(copy)
        outcome = await self._in_sandbox(copy, argv, "", timeout_s)
        await self.close()
        return CommandResult(exit_code=outcome.exit_code, ended=outcome.ended.value, output=outcome.output)

    async def _in_sandbox(self, copy: WorkingCopy, argv: Sequence[str], cwd: str, timeout_s: float) -> CommandOutcome:
        outcome = await self._sandbox.run(
            argv,
            folder=copy.path,
            cwd=cwd,
            timeout_s=timeout_s,
            memory_bytes=self._settings.command_memory_bytes,
        )
        if outcome.output.startswith(NOT_STARTED) and outcome.ended is Ended.REFUSED:
            raise SandboxFailed(outcome.output.decode("utf-8", "replace"))
        return outcome

    async def close(self) -> None:
        """Take the working copy away. May be repeated."""
        await ended(self._closed())

    async def _closed(self) -> None:
        if self._copy is not None:
            await self._worktrees.close(self._copy)
            self._copy = None

    async def _up_to_date(self) -> WorkingCopy:
        own = await asyncio.to_thread(self._own_changes)
        if self._copy is None:
            self._copy = await self._worktrees.open(
                self._claim.id, self._claim.fence, own, closed=lambda path: bool(why_closed(path, self._named))
            )
        else:
            await self._worktrees.bring_up_to_date(self._copy, own)
        return self._copy

    def _own_changes(self) -> dict[str, Content]:
        """What the attempt has changed so far, by path."""
        files = self._context.files
        own: dict[str, Content] = {}
        for change in files.changes():
            path = restored(change.path)
            own[path] = None if change.after is None else (files.read(path).data, change.after.mode)
            if change.renamed_from:
                own[restored(change.renamed_from)] = None
        return own

    async def _take(self, copy: WorkingCopy, changes: CopyChanges) -> tuple[list[str], list[str]]:
        """Make what the command changed the attempt's own; returns the paths taken, and those refused, with why."""
        taken: list[str] = []
        refused = [f"{printable(path)} ({why})" for path, why in changes.left_out]
        contents = {one.path: None if one.content is None else (one.content, one.mode) for one in changes.changed}
        for path in changes.new:
            if not _is_litter(path) and (found := await self._worktrees.content(copy, path)) is not None:
                contents[path] = found
        closed = {path: reason for path in contents if (reason := why_closed(path, self._named))}
        refused += [f"{printable(path)} ({reason})" for path, reason in closed.items()]
        for path, content in contents.items():
            if path in closed:
                continue
            if content is None and closed:  # it may have been moved there: what cannot be taken would be lost
                refused.append(f"{printable(path)} (deleted, by a command that made a file which is closed)")
                continue
            try:
                await asyncio.to_thread(self._take_one, path, content)
            except EzError as error:
                refused.append(str(error))
            else:
                taken.append(path)
        return taken, refused

    def _take_one(self, path: str, content: tuple[bytes, int] | None) -> None:
        files = self._context.files
        try:
            expected: str | None = files.read(path).sha256
        except FileMissing:
            expected = None
        if content is not None:
            data, mode = content
            made = files.write(path, data, expected=expected)
            files.set_executable(path, bool(mode & _EXECUTABLE), expected=made)
        elif expected is not None:
            files.delete(path, expected=expected)


def _is_litter(path: str) -> bool:
    """Whether a new file is what compilers and test runs leave behind, where no .gitignore says so."""
    *folders, name = path.split("/")
    return bool(_LITTER_FOLDERS.intersection(folders)) or name.endswith(_LITTER_ENDS) or name == ".coverage"


def _words(refused: Sequence[str]) -> str:
    """What the model should know of files that did not become its own."""
    if not refused:
        return ""
    more = f"; and {len(refused) - _NAMES_MOST:,} more" if len(refused) > _NAMES_MOST else ""
    return f"\n[changes that were not taken: {'; '.join(refused[:_NAMES_MOST])}{more}]"
