"""From a call to its outcome.

Job: one call at a time, checked, done, told in words. Not its job: what each tool does (its own file), the journal and
the counting of malformed calls (the loop).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from ezaigents.agents.tools import arguments as args
from ezaigents.agents.tools import changing
from ezaigents.agents.tools.finders import SEARCH_S
from ezaigents.agents.tools.gate import Gate
from ezaigents.agents.tools.listing import Tree, list_files
from ezaigents.agents.tools.outcome import Attempt, Commands, Finish, Outcome
from ezaigents.agents.tools.quoting import bounded, one_line, quoted
from ezaigents.agents.tools.reading import read
from ezaigents.agents.tools.running import check_argv, run
from ezaigents.agents.tools.searching import place_of, search
from ezaigents.agents.tools.specs import TOOLS, Tool
from ezaigents.codec import printable
from ezaigents.endings import in_thread
from ezaigents.errors import EzError
from ezaigents.providers.transcript import ToolCall, ToolSpec
from ezaigents.workspace import BLOBS_FOLDER, StaleWrite

_NAME_SHOWN = 64


class Toolbox:
    """The tools of one attempt; `context` is its Context.

    `allowed`: names of those the agent has, None = all. `commands`: None = there is no `run`, and `why_no_commands`
    says why. `named`: the files that the user named for the task, relative to the workspace: open to the model though
    they be named like secrets.
    """

    def __init__(
        self,
        context: Attempt,
        *,
        allowed: Collection[str] | None = None,
        commands: Commands | None = None,
        why_no_commands: str = "",
        named: Collection[str] = (),
        search_s: float = SEARCH_S,
    ) -> None:
        self._context = context
        self._commands = commands
        self._why_no_commands = why_no_commands
        self._search_s = search_s
        self._tools = {
            name: tool
            for name, tool in TOOLS.items()
            if (allowed is None or name in allowed) and (name != "run" or commands is not None)
        }
        self._gate = Gate(context.workspace, hidden=context.settings.home_path, named=named)
        self._turn = asyncio.Lock()  # the overlay takes one call at a time
        self._announced: set[str] = set()
        self._was_asked_for_summary = False
        self._uses: dict[type[args.Arguments], Callable[[Any], Awaitable[Outcome]]] = {
            args.Read: self._read,
            args.List: self._list,
            args.Search: self._search,
            args.Edit: self._edit,
            args.Write: self._write,
            args.Delete: self._delete,
            args.Rename: self._rename,
            args.Run: self._run,
            args.Note: self._note,
            args.Done: self._finish,
        }

    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told; the same and in the same order for the whole attempt."""
        return tuple(tool.spec for tool in self._tools.values())

    def is_effectful(self, name: str) -> bool:
        """Doing it again may do harm. Changes of files do not count: each says which content it is based on."""
        return name == "run"

    async def use(self, call: ToolCall) -> Outcome:
        """Do what was asked; what is wrong with it is an outcome too.

        Raises only what ends the attempt: cancellation, and the TaskFailed and HandBack of `means_to_change`.
        """
        try:
            tool = self._tool(call.name)
            arguments = _decoded(call, tool)
            async with self._turn:
                outcome = await self._uses[tool.kind](arguments)
        except args.BadCall as bad:
            return Outcome(text=bounded(str(bad)), failed=True, malformed=True)
        except StaleWrite as stale:
            is_open = stale.difference and not self._gate.why_closed(stale.path)
            shown = f"\n{quoted(stale.difference)}" if is_open else ""
            return Outcome(text=bounded(f"{printable(stale.path)}: {stale.reason}{shown}"), failed=True)
        except EzError as error:
            return Outcome(text=bounded(str(error)), failed=True)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "unknown"
            return Outcome(text=f"the system did not do it ({reason.lower()}); try another way", failed=True)
        return outcome

    def _tool(self, name: str) -> Tool:
        tool = self._tools.get(name)
        if tool is not None:
            return tool
        if name == "run" and self._commands is None:
            why = self._why_no_commands or "commands are off"
            raise args.BadCall(f"run is not available: {why}; do the rest without it")
        raise args.BadCall(f"there is no tool {one_line(name, _NAME_SHOWN)!r}; there are {', '.join(self._tools)}")

    # -- looking -------------------------------------------------------------------------------------------------

    async def _read(self, arguments: args.Read) -> Outcome:
        return await in_thread(partial(self._read_now, arguments))

    def _read_now(self, arguments: args.Read) -> Outcome:
        name = self._gate.open_name(arguments.path)
        return read(self._context.files, self._gate, name or ".", arguments)

    async def _list(self, arguments: args.List) -> Outcome:
        start = await self._open_name(arguments.path or "")
        return await in_thread(partial(list_files, self._tree(), self._gate, start, arguments))

    async def _search(self, arguments: args.Search) -> Outcome:
        start = await self._open_name(arguments.path or "")
        blobs = self._context.task_folder().parent / BLOBS_FOLDER
        place = await in_thread(partial(place_of, self._tree(), blobs, limit_s=self._search_s))
        return await search(place, self._gate, start, arguments)

    def _tree(self) -> Tree:
        return Tree(self._context.workspace, self._context.settings.home_path, self._context.files)

    async def _open_name(self, path: str) -> str:
        return await in_thread(partial(self._gate.open_name, path))

    # -- changing ------------------------------------------------------------------------------------------------

    async def _edit(self, arguments: args.Edit) -> Outcome:
        limit_bytes = self._context.settings.file_limit_bytes
        name = await self._change_name(arguments.path)
        return await in_thread(partial(changing.edit, self._context.files, name, arguments, limit_bytes))

    async def _write(self, arguments: args.Write) -> Outcome:
        name = await self._change_name(arguments.path)
        return await in_thread(partial(changing.write, self._context.files, name, arguments))

    async def _delete(self, arguments: args.Delete) -> Outcome:
        name = await self._change_name(arguments.path)
        return await in_thread(partial(changing.delete, self._context.files, name, arguments))

    async def _rename(self, arguments: args.Rename) -> Outcome:
        target = await in_thread(partial(self._gate.change_name, arguments.to))
        name = await self._change_name(arguments.path)
        await self._announce(target)
        return await in_thread(partial(changing.rename, self._context.files, name, target, arguments))

    async def _change_name(self, path: str) -> str:
        name = await in_thread(partial(self._gate.change_name, path))
        await self._announce(name)
        return name

    async def _announce(self, name: str) -> None:
        """Say once for each file that it will be changed, before it is."""
        if name not in self._announced:
            await self._context.means_to_change(name)
            self._announced.add(name)

    # -- the rest ------------------------------------------------------------------------------------------------

    async def _run(self, arguments: args.Run) -> Outcome:
        assert self._commands is not None, "the tool is there only with them"
        check_argv(arguments)
        cwd = await self._open_name(arguments.cwd or "")
        return await run(self._commands, cwd, arguments, self._context.settings.command_s)

    async def _note(self, arguments: args.Note) -> Outcome:
        await self._context.learn(arguments.text)
        return Outcome(text="noted")

    async def _finish(self, arguments: args.Done) -> Outcome:
        if not arguments.summary.strip() and not self._was_asked_for_summary:
            self._was_asked_for_summary = True
            return Outcome(text="say in summary what you did, or why nothing was to be done", failed=True)
        done = Finish(bounded(arguments.summary), bounded(arguments.evidence or ""))
        return Outcome(text="the task ends here", finish=done)


def _decoded(call: ToolCall, tool: Tool) -> Any:
    try:
        return args.decoded(call.arguments, tool.kind)
    except args.BadCall as bad:
        raise args.BadCall(f"{tool.spec.name}: {bad}. It takes {tool.shape}") from bad
