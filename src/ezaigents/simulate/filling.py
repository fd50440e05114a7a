"""Placeholders in a rule. Job: fill them from what the tools answered so far. Not its job: choosing the rule.

`{sha:PATH}`: the content hash that the newest result naming PATH gave. `{result}`: the newest result, whole.
"""

from __future__ import annotations

import re
from typing import TypeVar

from ezaigents.simulate.asked import Asked

_T = TypeVar("_T")
_PLACE = re.compile(r"\{(?:sha:([^{}]+)|(result))\}")
_READ = re.compile(r"^path: (.+?)[ \t]+sha256: ([0-9a-f]{64})\b", re.MULTILINE)


class Unfilled(Exception):
    """No result so far names `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def fill(value: _T, asked: Asked) -> _T:
    """Fill the placeholders in every text within `value`. Raises Unfilled."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _found(found, asked), value)  # type: ignore[return-value]
    if isinstance(value, list):
        return [fill(one, asked) for one in value]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {key: fill(one, asked) for key, one in value.items()}  # type: ignore[return-value]
    return value


def _found(place: re.Match[str], asked: Asked) -> str:
    path = str(place.group(1) or "")
    if not path:
        return asked.results[-1] if asked.results else ""
    hashes = [found for text in asked.results for named, found in _READ.findall(text) if named == path]
    if not hashes:
        raise Unfilled(path)
    return str(hashes[-1])
