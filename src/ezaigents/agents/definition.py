"""An agent as data: a Markdown file whose head, between two lines of `+++`, is TOML, and whose body is its prompt.

Job: read and check such files, those that come with the package and the user's own. Not its job: working (model).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.errors import ConfigError
from ezaigents.policy import nearest_name

PACKAGED = Path(__file__).parent / "definitions"
FOLDER = "agents"
"""Where a user's own lie: beneath the user's folder, and beneath `.ezaigents` in a workspace."""
_FILE_MOST_BYTES = 64 * 1024
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_FENCE = "+++"
TOOLS = ("read", "list", "search", "edit", "write", "delete", "rename", "run", "note", "finish")


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent is. `model`: `provider:model`; `fallback`: those tried when that one cannot answer, in order.

    `kinds`: what it can be asked for, all of them where none are named. `slots`: tasks at once. `steps`, `tokens`,
    `time_s`, `budget_usd`: its own limits for a task, 0 = as the settings say. `max_output_tokens`: of one reply,
    thinking included. `effort`: low, medium, high, "" = the model's own.
    """

    name: str
    model: str
    description: str = ""
    fallback: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tools: tuple[str, ...] = TOOLS
    slots: int = 4
    steps: int = 0
    tokens: int = 0
    time_s: float = 0.0
    budget_usd: float = 0.0
    max_output_tokens: int = 8000
    effort: str = ""
    prompt: str = ""

    @property
    def chain(self) -> tuple[str, ...]:
        """Its routes in the order in which they are tried, each once."""
        return tuple(dict.fromkeys((self.model, *self.fallback)))


def parse_definition(text: str, where: str) -> Definition:
    """Read one file's text. Raises ConfigError naming `where`, the key and what it takes."""
    head, prompt = _split(text, where)
    try:
        table = tomllib.loads(head)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: the head is not TOML: {error}") from error
    _refuse_unknown(table, where)
    try:
        definition = msgspec.convert({**table, "prompt": prompt.strip()}, Definition)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    for problem in _problems(definition):
        raise ConfigError(f"{where}: {problem}")
    return definition


def _split(text: str, where: str) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != _FENCE:
        raise ConfigError(
            f"{where}: begins with a line {_FENCE}, then TOML (name, model, ...), {_FENCE}, and the prompt"
        )
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == _FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise ConfigError(f"{where}: the head has no end; put a line {_FENCE} before the prompt")


def _refuse_unknown(table: dict[str, object], where: str) -> None:
    known = [field for field in Definition.__struct_fields__ if field != "prompt"]
    for key in table:
        if key not in known:
            hint = nearest_name(key, known)
            raise ConfigError(f"{where}: no such key {key!r}" + (f"; did you mean {hint!r}?" if hint else ""))


def _problems(definition: Definition) -> Iterator[str]:
    if not _NAME.match(definition.name):
        yield f"name {definition.name!r}: takes 1 to 32 of a to z, 0 to 9, '-', '_', beginning with a letter"
    for route in definition.chain:
        if not all(route.partition(":")[::2]):
            yield f"model {route!r}: takes PROVIDER:MODEL, such as anthropic:claude-sonnet-5-5"
    for tool in definition.tools:
        if tool not in TOOLS:
            yield f"tools: no such tool {tool!r}; there are {', '.join(TOOLS)}"
    if not 1 <= definition.slots <= 1000:
        yield f"slots: takes a whole number from 1 to 1000, not {definition.slots}"
    if not 256 <= definition.max_output_tokens <= 1_000_000:
        yield f"max_output_tokens: takes a whole number from 256 to 1000000, not {definition.max_output_tokens}"
    if min(definition.steps, definition.tokens, definition.time_s, definition.budget_usd) < 0:
        yield "steps, tokens, time_s and budget_usd take numbers from 0 (= as the settings say)"
    if definition.effort not in ("", "low", "medium", "high"):
        yield f"effort: takes low, medium or high, not {definition.effort!r}"


def read_definition(path: Path) -> tuple[Definition, bytes]:
    """Read a file, and return its bytes too, to be compared with what is trusted. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MOST_BYTES + 1)
        if len(data) > _FILE_MOST_BYTES:
            raise ConfigError(f"{path}: is longer than {_FILE_MOST_BYTES:,} bytes; an agent's prompt is short")
        return parse_definition(data.decode("utf-8"), str(path)), data
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start})") from error


def is_name(name: str) -> bool:
    """Whether an agent may be called that."""
    return bool(_NAME.match(name))


def packaged_definitions() -> list[Definition]:
    """The agents that come with the package, in the order of their names."""
    return [read_definition(path)[0] for path in sorted(PACKAGED.glob("*.md"))]


def definition_files(folder: Path) -> list[Path]:
    """The agent files in a folder, none where there is no such folder."""
    return sorted(path for path in folder.glob("*.md") if path.is_file()) if folder.is_dir() else []
