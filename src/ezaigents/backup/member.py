"""One member of an archive: a tar header that carries the digest of what follows. Job: to bytes and back, strictly.

The form is that of POSIX.1-1988 (ustar), so that any tar lists and unpacks it; of it only plain files exist here: no
links, folders, extensions or sparse files. The digest stands where ustar has the target of a link, which readers pass
over for a plain file. A header that is not byte for byte what `header_of` makes is none of ours.
"""

from __future__ import annotations

import msgspec

BLOCK = 512
_NAME_MOST = 100
_PREFIX_MOST = 155
_OCTAL_MOST = 8**11
_DEFAULT_MODE = 0o600


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A file in an archive. `name`: with slashes, as in the data folder. `digest`: sha256 of its content, in hex."""

    name: str
    size_bytes: int
    digest: str
    mtime_s: int = 0


class NotAMember(ValueError):
    """These bytes are no header of ours."""


def padding_of(size_bytes: int) -> int:
    """How many zeros follow a content of this size."""
    return -size_bytes % BLOCK


def fits(name: str) -> bool:
    """Say whether a header can hold this name."""
    return _split(_raw(name)) is not None and is_sound(name)


def is_sound(name: str) -> bool:
    """Say whether a name stays beneath the folder it is unpacked in, and can be shown."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and not any(
        ord(letter) < 32 or ord(letter) == 127 or letter == "\\" for letter in name
    )


def header_of(member: Member) -> bytes:
    """The 512 bytes before the content. `fits(member.name)` must hold."""
    split = _split(_raw(member.name))
    assert split is not None, member.name
    prefix, name = split
    parts = (
        name.ljust(_NAME_MOST, b"\0"),
        b"%07o\0" % _DEFAULT_MODE,
        b"%07o\0" % 0,
        b"%07o\0" % 0,
        _number(member.size_bytes),
        _number(member.mtime_s),
        b" " * 8,
        b"0",
        member.digest.encode("ascii").ljust(100, b"\0"),
        b"ustar\x0000",
        b"\0" * 80,
        prefix.ljust(_PREFIX_MOST, b"\0"),
        b"\0" * 12,
    )
    raw = b"".join(parts)
    return raw[:148] + b"%06o\0 " % sum(raw) + raw[156:]


def member_of(header: bytes) -> Member:
    """Read a header. Raises NotAMember for anything but what `header_of` makes."""
    try:
        prefix, name = _text(header[345:500]), _text(header[:100])
        member = Member(
            name=f"{prefix}/{name}" if prefix else name,
            size_bytes=_read_number(header[124:136]),
            digest=header[157:221].decode("ascii"),
            mtime_s=_read_number(header[136:148]),
        )
        sound = is_sound(member.name) and _split(_raw(member.name)) == (_raw(prefix), _raw(name))
        sound = sound and len(bytes.fromhex(member.digest)) == 32
    except (ValueError, UnicodeDecodeError) as error:
        raise NotAMember(str(error)) from error
    if not sound or header_of(member) != header:
        raise NotAMember("a header that `ez backup` does not write")
    return member


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _split(raw: bytes) -> tuple[bytes, bytes] | None:
    """Prefix and name; None where no slash divides it into two that fit."""
    if len(raw) <= _NAME_MOST:
        return b"", raw
    at = raw.find(b"/", len(raw) - _NAME_MOST - 1)
    return (raw[:at], raw[at + 1 :]) if 0 < at <= _PREFIX_MOST else None


def _number(value: int) -> bytes:
    return b"%011o\0" % value if value < _OCTAL_MOST else b"\x80" + value.to_bytes(11, "big")


def _read_number(field: bytes) -> int:
    return int.from_bytes(field[1:], "big") if field[0] == 0x80 else int(field[:11], 8)
