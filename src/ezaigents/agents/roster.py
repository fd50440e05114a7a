"""Which agents with models there are here. Job: the package's, the user's own, and those of the workspace, by name.

A later one of the same name takes the place of an earlier. Those of a workspace come from whoever wrote it: they take
effect only once the user has trusted their content. Not its job: trust itself (given), keys, cards (catalog).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ezaigents.agents.definition import (
    FOLDER,
    Definition,
    definition_files,
    is_name,
    packaged_definitions,
    read_definition,
)
from ezaigents.codec import printable
from ezaigents.errors import ConfigError
from ezaigents.settings import Settings

_RESERVED = ("local", "auto", "all", "user")
IsTrusted = Callable[[Path, bytes], bool]


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """`faults`: by agent, why a file of its name has no effect; the agent itself may be there all the same.

    `misnamed`: files that no agent can be called after.
    """

    definitions: dict[str, Definition]
    faults: dict[str, str]
    misnamed: tuple[Path, ...] = ()

    def without_effect(self) -> list[str]:
        """Each file that has no effect and why, printable."""
        misnamed = (
            f"{path}: no agent can be called {path.stem!r}; give the file another name" for path in self.misnamed
        )
        return [printable(words) for words in (*self.faults.values(), *misnamed)]


def load_roster(settings: Settings, is_trusted: IsTrusted) -> Roster:
    """Read every agent file. A file that cannot be used keeps only its own agent from work."""
    found = {definition.name: definition for definition in packaged_definitions()}
    faults: dict[str, str] = {}
    misnamed: list[Path] = []
    own = [(path, True) for path in definition_files(settings.config_path / FOLDER)]
    of_workspace = [(path, False) for path in workspace_files(settings)]
    for path, is_own in (*own, *of_workspace):
        try:
            definition, data = read_definition(path)
            if definition.name in _RESERVED:
                raise ConfigError(f"{path}: the name {definition.name!r} is taken; give the agent another one")
            if not is_own and not is_trusted(path, data):
                raise ConfigError(f"{path} is not trusted; look at it, then `ez agents --trust {path}`")
        except ConfigError as error:
            if is_name(path.stem):  # any other could be made to look like something else where it is shown
                faults[path.stem] = str(error)
            else:
                misnamed.append(path)
        else:
            found[definition.name] = definition
            faults.pop(definition.name, None)
    return Roster(definitions=found, faults=faults, misnamed=tuple(misnamed))


def workspace_files(settings: Settings) -> list[Path]:
    """The agent files of the workspace."""
    return definition_files(settings.workspace_path / ".ezaigents" / FOLDER)
