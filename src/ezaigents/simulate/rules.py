"""What the simulated models answer. Job: read rule files, choose the rule and its step. Not its job: placeholders.

A rule belongs to a conversation by the text of its first user turn; the step is the number of assistant turns so far.
So the server remembers nothing of a conversation and may be restarted in the middle of one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import msgspec

from ezaigents.errors import ConfigError
from ezaigents.simulate.asked import Asked, Call, Move, Stop
from ezaigents.simulate.faults import Fault
from ezaigents.simulate.filling import Unfilled, fill

NO_RULE = "simulated: no rule"
NO_STEP = "simulated: the rule has no further step"
_FINISH = "finish"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn of the model. `stop`: "" = what follows from the rest."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    stop: Stop | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers for the conversations whose prompt, model and dialect match these patterns (searched, without case)."""

    match: str
    steps: tuple[Step, ...]
    model: str = ""
    dialect: str = ""

    def is_for(self, asked: Asked) -> bool:
        """Say whether this rule answers."""
        pairs = ((self.match, asked.prompt), (self.model, asked.model), (self.dialect, asked.dialect))
        return all(re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern, text in pairs)


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule file: `[[rule]]` and `[[fault]]` tables. The first that matches counts."""

    rule: tuple[Rule, ...] = ()
    fault: tuple[Fault, ...] = ()

    def move(self, asked: Asked) -> Move:
        """What the model does now; `simulated: no rule` where nobody wrote what it should."""
        rule = next((rule for rule in self.rule if rule.is_for(asked)), None)
        if rule is None:
            return Move(text=NO_RULE)
        if asked.step < len(rule.steps):
            return _scripted(rule.steps[asked.step], asked)
        if _FINISH not in asked.tools:
            return Move(text=NO_STEP)
        return Move(calls=(Call(name=_FINISH, arguments={"summary": NO_STEP}),), stop=Stop.TOOLS)


def team_rules() -> Path:
    """The rules for the sample repository, which come with the package."""
    return Path(str(resources.files("ezaigents.simulate").joinpath("rules", "team.toml")))


def read_rules(sources: Iterable[Path | str]) -> Rules:
    """Read rules: a Path is a file, a str is TOML text. What comes first matches first. Raises ConfigError."""
    read = [_read(source) for source in sources]
    return Rules(
        rule=tuple(rule for one in read for rule in one.rule),
        fault=tuple(fault for one in read for fault in one.fault),
    )


def _read(source: Path | str) -> Rules:
    name = str(source) if isinstance(source, Path) else "the rules"
    folder = source.parent if isinstance(source, Path) else None
    try:
        text = source.read_text("utf-8") if isinstance(source, Path) else source
        rules = msgspec.convert(tomllib.loads(text), Rules)
        _check_patterns(rules)
        return msgspec.structs.replace(rules, fault=tuple(fault.with_text(folder) for fault in rules.fault))
    except OSError as error:
        raise ConfigError(f"{error.filename or name}: cannot be read: {error.strerror}; mend the path") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, re.error) as error:
        raise ConfigError(f"{name}: {error}; docs/simulator.md shows the form") from error


def _check_patterns(rules: Rules) -> None:
    for rule in rules.rule:
        for pattern in (rule.match, rule.model, rule.dialect):
            re.compile(pattern)
    for fault in rules.fault:
        for pattern in (fault.match, fault.model, fault.dialect):
            re.compile(pattern)


def _scripted(step: Step, asked: Asked) -> Move:
    try:
        calls = tuple(
            Call(name=call.name, arguments=fill(call.arguments, asked), raw=fill(call.raw, asked))
            for call in step.calls
        )
        text = fill(step.text, asked)
    except Unfilled as missing:
        return Move(text=f"simulated: the rule needs a read of {missing.path}, and this conversation has none")
    stop = step.stop or (Stop.TOOLS if calls else Stop.END)
    return Move(thinking=step.thinking, text=text, calls=calls, stop=stop)
