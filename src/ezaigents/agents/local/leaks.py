"""What may be a secret in a line of text. Job: find and name it. Not its job: ever repeating its value.

A modest list: kinds whose form is unmistakable, and random-looking values assigned to names like "password".
Source of the forms: the vendors' own documentation of their token prefixes (read 2026-11).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

_FORMS: tuple[tuple[str, str], ...] = (
    ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    ("GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b"),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("Slack webhook", r"hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}"),
    ("Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,}\b"),
    ("Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("OpenAI key", r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}"),
    ("private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
)
_NAMED = re.compile("|".join(f"(?P<f{index}>{form})" for index, (_, form) in enumerate(_FORMS)))
# One substring of each form: a line without any of them cannot match, and looking is ten times quicker.
_HINT = re.compile(
    r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox|hooks\.slack|AIza|k_live_|sk-|npm_|pypi-AgE|PRIVATE KEY"
)
_ASSIGNED = re.compile(
    r"""(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key)[A-Za-z0-9_-]{0,40}"""
    r"""["']?\s{0,8}(?::=|=>|=|:)\s{0,8}(?P<quote>["'])(?P<value>[^"'\s]{8,200})(?P=quote)""",
    re.IGNORECASE,
)
_ASSIGNED_HINT = re.compile(r"pass|secret|token|key", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"example|changeme|change-me|placeholder|dummy|sample|your[_-]|xxx|\*\*\*|\.\.\.|[<>${}%]", re.IGNORECASE
)
_LEAST_ENTROPY_BITS = 3.3
"""Bits per character. English words and identifiers of 8 to 16 characters lie below, random ones above."""
_SHOWN = re.compile(r"[A-Za-z]{2,8}[_-]|AKIA|ASIA|AIza")
_HIDDEN = "[hidden]"


def find_leaks(line: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, message) for each possible secret of a line.

    The message shows at most the public prefix that all values of the kind share (`ghp_…`).
    """
    for kind, value in _leaks(line):
        prefix = _SHOWN.match(value) if kind != _GENERIC else None
        yield kind, f"possible {kind}" + (f" ({prefix.group()}…)" if prefix else "")


def hide_leaks(text: str) -> str:
    """Replace every possible secret in a text that is to be shown."""
    for _, value in list(_leaks(text)):
        text = text.replace(value, _HIDDEN)
    return text


_GENERIC = "hard-coded secret"


def _leaks(line: str) -> Iterator[tuple[str, str]]:
    found = False
    if _HINT.search(line):
        for match in _NAMED.finditer(line):
            found = True
            yield _FORMS[int((match.lastgroup or "f0")[1:])][0], match.group()
    if not found and _ASSIGNED_HINT.search(line):
        for match in _ASSIGNED.finditer(line):
            value = match.group("value")
            if _looks_random(value):
                yield _GENERIC, value


def _looks_random(value: str) -> bool:
    if _PLACEHOLDER.search(value) or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    return entropy_bits(value) >= min(_LEAST_ENTROPY_BITS, math.log2(len(value)) - 0.3)


def entropy_bits(text: str) -> float:
    """Shannon entropy of the characters of `text` (not empty), in bits per character."""
    counts = [text.count(char) for char in set(text)]
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
