"""Records to bytes and back, at the border only. Job: msgspec with our record types. Not its job: I/O.

Text from outside may hold lone surrogates (file names that are not UTF-8): `printable` and `storable` make it safe.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_json_encoder = msgspec.json.Encoder()
_pack_encoder = msgspec.msgpack.Encoder()


def to_json(value: object) -> bytes:
    """Encode a record, or plain data, as compact JSON (UTF-8)."""
    return _json_encoder.encode(value)


def to_pretty_json(value: object) -> bytes:
    """Encode as JSON indented by two, with a final newline, for people and files."""
    return msgspec.json.format(_json_encoder.encode(value), indent=2) + b"\n"


def from_json(data: bytes | str, kind: type[_T]) -> _T:
    """Decode and validate JSON. Raises msgspec.ValidationError or msgspec.DecodeError, which name the field."""
    return msgspec.json.decode(data, type=kind)


def to_pack(value: object) -> bytes:
    """Encode as MessagePack, the form in which batches travel into the engine's scripts."""
    return _pack_encoder.encode(value)


def from_pack(data: bytes, kind: type[_T]) -> _T:
    """Decode and validate MessagePack."""
    return msgspec.msgpack.decode(data, type=kind, strict=False)


def from_plain(data: Any, kind: type[_T]) -> _T:
    """Validate plain data (a decoded mapping, say) into a record; strings become numbers where the type says so."""
    return msgspec.convert(data, type=kind, strict=False)


def storable(text: str) -> str:
    """Text that UTF-8 can carry and that `restored` turns back: a lone surrogate U+DCxx becomes `\\udcxx`."""
    return text.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode("utf-8")


def restored(text: str) -> str:
    """The inverse of `storable`."""
    if "\\" not in text:
        return text
    out: list[str] = []
    index = 0
    while index < len(text):
        if text[index] == "\\" and text[index + 1 : index + 2] == "\\":
            out.append("\\")
            index += 2
        elif text[index] == "\\" and text[index + 1 : index + 2] == "u":
            out.append(chr(int(text[index + 2 : index + 6], 16)))
            index += 6
        else:
            out.append(text[index])
            index += 1
    return "".join(out)


def printable(text: str) -> str:
    """One line that any terminal or log can show: control characters and lone surrogates are escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text
    )


def counted(number: int, word: str) -> str:
    """Say a count: `1 file`, `1,204 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
