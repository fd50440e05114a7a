"""Which keys the old server holds. Job: look at each name once, in bounded memory. Not its job: reading them.

SCAN shows every key that is there from beginning to end; one that comes or goes meanwhile may be missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.codec import printable
from ezaigents.legacy.names import READ, Part, class_of, secret_field
from ezaigents.legacy.report import ImportReport, RefusedRow

if TYPE_CHECKING:
    from ezaigents.legacy.scratch import Scratch
    from ezaigents.legacy.server import OldServer

_COUNT = 1000
_HAS_TASKS = frozenset({*READ, Part.TODOS_DONE})
_MAY_HOLD_SECRETS = ("enrolled:agent:", "agent:")
_PAUSED = ":paused"


async def survey(server: OldServer, scratch: Scratch, report: ImportReport) -> None:
    """Sort the old server's keys into `scratch` (those with tasks) and `report` (all others)."""
    cursor = b"0"
    while True:
        cursor, names = await server.call("SCAN", cursor, "COUNT", _COUNT)
        types = await server.calls([("TYPE", name) for name in names])
        fresh = [
            (name, kind.decode())
            for name, kind in zip(names, types, strict=True)
            if kind != b"none" and scratch.add_key(name, _part_of(name, kind.decode()))
        ]
        for name, kind in fresh:
            _note(name, kind, report)
        await _look_for_secrets(server, [name for name, kind in fresh if kind == "hash"], report)
        if cursor == b"0":
            return


def _part_of(name: bytes, kind: str) -> Part:
    """What is to be read of a key: nothing where its type is not the one it must have."""
    found = class_of(name.decode("utf-8", "surrogateescape"))
    return Part.UNKNOWN if found.type and found.type != kind else found.part


def _note(name: bytes, kind: str, report: ImportReport) -> None:
    key = name.decode("utf-8", "surrogateescape")
    found = class_of(key)
    if found.type and found.type != kind:
        why = f"it is a {kind}, and must be a {found.type}; nothing of it is read"
        report.refuse(RefusedRow(key=printable(key), number=0, why=why))
    elif found.part is Part.UNKNOWN:
        report.refuse(RefusedRow(key=printable(key), number=0, why=f"not a key of the old system (a {kind})"))
    elif found.part is Part.SECRET:
        report.family("keys of providers", "not copied; give them to `ez keys set`", printable(key))
    elif found.part is Part.KNOWN:
        report.family(found.group, "", printable(key))
        if key.endswith(_PAUSED) or key == "queue:emergency_stop":
            report.paused.append(printable(key))
    elif found.part in _HAS_TASKS and found.part is not Part.PROJECT:
        report.row(printable(key), found.part.value)


async def _look_for_secrets(server: OldServer, hashes: list[bytes], report: ImportReport) -> None:
    """Only names of fields are asked for, so that no secret leaves the old server."""
    chosen = [name for name in hashes if name.decode("utf-8", "replace").startswith(_MAY_HOLD_SECRETS)]
    fields_of = await server.calls([("HKEYS", name) for name in chosen])
    for name, fields in zip(chosen, fields_of, strict=True):
        for field in fields:
            word = field.decode("utf-8", "surrogateescape")
            if secret_field(b'"' + field + b'":'):
                report.secret(printable(name.decode("utf-8", "surrogateescape")), printable(word))
