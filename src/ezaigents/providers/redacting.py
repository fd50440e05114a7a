"""Secrets out of words. Job: replace keys, as they are and as they are usually written, in text that leaves the room.

Not its job: who calls it (caller, and whatever shows what a provider said).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

MARK = "[key]"
_LEAST_CHARS = 8
"""A shorter secret is a word such as "ollama", which local servers take for a key: replacing it would hide nothing."""
_ENTITIES = {"&": ("&amp;",), "<": ("&lt;",), ">": ("&gt;",), '"': ("&quot;",), "'": ("&#x27;", "&apos;")}
_SHAPES = re.compile(
    r"""(?x)
    (?<![A-Za-z0-9])(?:
        sk-[A-Za-z0-9_*-]{8,}                      # OpenAI, Anthropic, DeepSeek, OpenRouter, Moonshot
      | xai-[A-Za-z0-9_*-]{8,}
      | AIza[A-Za-z0-9_*-]{16,}                    # Google
      | gh[oprsu]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,}
      | xox[abprs]-[A-Za-z0-9-]{10,}
      | glpat-[A-Za-z0-9_-]{16,}
      | hf_[A-Za-z0-9]{16,}
      | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|x-api-key\"?\s*[:=]|api[_-]?key\"?\s*[:=])(\s*\"?)([A-Za-z0-9._~+/=-]{8,})")


class Redactor:
    """Replaces secrets by `[key]`: the given ones however they are encoded, and whatever has the shape of a key."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets if len(secret) >= _LEAST_CHARS for form in _forms(secret)}
        self._traces = [_Trace(form) for form in sorted(found, key=len, reverse=True)]

    def __call__(self, text: str) -> str:
        """The text without secrets; one that was cut off is seen too."""
        for trace in self._traces:
            text = trace.removed(text)
        return _BEARER.sub(rf"\1\2{MARK}", _SHAPES.sub(MARK, text))

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._traces)} forms>"


class _Trace:
    """Finds one secret in text: at least its first eight characters, and as much of the rest as follows them.

    Each character may be escaped for itself: as in a URL, in JSON or in HTML.
    """

    def __init__(self, secret: str) -> None:
        units = [_unit(char) for char in secret]
        self._head = re.compile("".join(units[:_LEAST_CHARS]))
        self._rest = [re.compile(unit) for unit in units[_LEAST_CHARS:]]

    def removed(self, text: str) -> str:
        parts, done = [], 0
        while found := self._head.search(text, done):
            parts += [text[done : found.start()], MARK]
            done = self._end(text, found.end())
        return "".join([*parts, text[done:]])

    def _end(self, text: str, at: int) -> int:
        """Where the secret, or what there is of it, ends."""
        for unit in self._rest:
            if (found := unit.match(text, at)) is None:
                break
            at = found.end()
        return at


def _unit(char: str) -> str:
    """A pattern of one character as it is and as it may be escaped."""
    code = ord(char)
    forms = [re.escape(char), rf"\\u{code:04x}", rf"\\u{code:04X}", rf"&\#{code};"]
    if code < 128:
        forms += [f"%{code:02X}", f"%{code:02x}"]
    else:
        quoted = quote(char, safe="", errors="surrogatepass")
        forms += [quoted, quoted.lower()]
    if char in "\\/\"'":
        forms.append(r"\\" + re.escape(char))
    forms += _ENTITIES.get(char, ())
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"


def _forms(secret: str) -> set[str]:
    """A secret as it is, and in base64 wherever in the encoded text it begins."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {secret}
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode()
        inner = whole[-(-shift * 8 // 6) : (len(raw) + shift) * 8 // 6]  # only what no neighbour has a part in
        if len(inner) >= _LEAST_CHARS:
            forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
