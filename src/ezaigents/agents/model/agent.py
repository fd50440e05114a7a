"""An agent with a model as the runtime sees it: one claim in, one result out. The work itself is in session.py."""

from __future__ import annotations

from collections.abc import Callable

from ezaigents.agents import Context, TaskFailed
from ezaigents.agents.definition import Definition
from ezaigents.agents.model.brief import decode_brief
from ezaigents.agents.model.services import Services
from ezaigents.agents.model.session import Session
from ezaigents.errors import InputError
from ezaigents.records import Claim, Result


class ModelAgent:
    """Implements `agents.Agent`. `services` is called at the first task: what it makes is shared by all agents."""

    def __init__(self, definition: Definition, services: Callable[[], Services]) -> None:
        self._definition = definition
        self._services = services

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do the task. Raises TaskFailed, HandBack, NeedsApproval."""
        if self._definition.kinds and claim.kind.value not in self._definition.kinds:
            able = ", ".join(self._definition.kinds)
            raise TaskFailed(f"{claim.agent} takes tasks of the kinds {able}, not {claim.kind.value}")
        try:
            brief = decode_brief(context.settings.home_path, claim.payload)
        except InputError as error:
            raise TaskFailed(str(error)) from error
        session = Session(self._definition, self._services(), claim, brief, context)
        try:
            return await session.go()
        finally:
            await session.close()

    async def close(self) -> None:
        """Holds nothing of its own."""
