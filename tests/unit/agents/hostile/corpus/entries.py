"""What an entry of the corpus is. Job: the record, and how placeholders are filled in."""

from __future__ import annotations

import json
from enum import StrEnum

import msgspec

ZEROS = "0" * 64
"""A hash that no file has."""


class Verdict(StrEnum):
    """What must come of it. `harmless`: it may be done, for nothing comes of it but what the invariants allow."""

    REFUSED = "refused"
    MALFORMED = "malformed"
    HARMLESS = "harmless"


class Hostile(msgspec.Struct, frozen=True):
    """One call of a hostile model. In `arguments`, `{REPO}`, `{OUTSIDE}`, `{HOME}` and `{PORT}` are filled in."""

    group: str
    tool: str
    arguments: str
    verdict: Verdict = Verdict.REFUSED

    def filled(self, places: dict[str, str]) -> str:
        """The arguments with the places of this world."""
        text = self.arguments
        for name, place in places.items():
            text = text.replace(f"{{{name}}}", place)
        return text


def asked(group: str, tool: str, verdict: Verdict = Verdict.REFUSED, **fields: object) -> Hostile:
    """An entry whose arguments are valid JSON."""
    return Hostile(group, tool, json.dumps(fields), verdict)
