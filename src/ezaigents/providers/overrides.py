"""The user's own provider tables, and what a workspace may not set. Job: ask for trust. Not its job: their meaning.

`ezaigents.toml` lies in the workspace, which may come from anybody: a table there that says where a provider is, whose
key it takes or what is sent to it takes effect only once its content is trusted. How large a model's window is harms
nobody.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.errors import ConfigError
from ezaigents.settings import CONFIG_FILE, Settings, Table
from ezaigents.trust import Trust

_HARMLESS = frozenset({"window", "max_output"})
_FILE_MOST_BYTES = 1024 * 1024


class OwnTables(msgspec.Struct, frozen=True):
    """The tables beneath [providers], and the file that they are from."""

    tables: Table
    file: str


def own_tables(settings: Settings, environ: Mapping[str, str]) -> OwnTables:
    """The tables of the settings file. Raises ConfigError naming it and what to type where it is not trusted."""
    file = environ.get("EZ_CONFIG") or str(settings.workspace_path / CONFIG_FILE)
    if any(_needs_trust(table) for table in settings.providers.values()):
        _check_trust(settings, environ, Path(file))
    return OwnTables(settings.providers, file)


def _needs_trust(table: Mapping[str, Any]) -> bool:
    models = table.get("models", {})
    rest = [key for key in table if key not in _HARMLESS and key != "models"]
    if rest or not isinstance(models, dict):
        return bool(rest or models)
    return any(not isinstance(one, dict) or not one.keys() <= _HARMLESS for one in models.values())


def _check_trust(settings: Settings, environ: Mapping[str, str], file: Path) -> None:
    if environ.get("EZ_CONFIG"):
        return  # named by the user himself
    try:
        with file.open("rb") as opened:
            data = opened.read(_FILE_MOST_BYTES)
    except FileNotFoundError:
        return  # the settings were made by a program, which speaks for its user
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    if not _outside(settings.config_path, settings.workspace_path):
        raise ConfigError(
            f"{settings.config_path} (config_home) lies in the workspace, which cannot say what you trust; "
            "set EZ_CONFIG_HOME to a folder of your own"
        )
    if not Trust(settings.config_path).is_trusted(file, data) or _providers_in(data) != settings.providers:
        raise ConfigError(
            f"{file} says where providers are or what is sent to them, and you have not trusted it as it is now: "
            f"look at its [providers] tables, then type `ez agents --trust {file}`"
        )


def _providers_in(data: bytes) -> object:
    """What the trusted content says: the settings may have been read before the file was changed."""
    try:
        return tomllib.loads(data.decode("utf-8")).get("providers")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None


def _outside(path: Path, workspace: Path) -> bool:
    return not path.resolve().is_relative_to(workspace.resolve())
