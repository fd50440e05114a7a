"""What an import found and did, as records. Job: count, and keep the first of what needs a person."""

from __future__ import annotations

import msgspec

from ezaigents.legacy.names import READ

LISTED_MOST = 1000
_ROWS_MOST = 300
_OTHERS = "(other keys)"


class KeyRow(msgspec.Struct, kw_only=True):
    """What became of one key. `becomes`: `agent kind` -> tasks. `entries` = the sum of all below it.

    `tasks`: entries that become tasks, or are tasks by now. `known`: imported before. `repeats`: the same task again.
    `ours`: taken by the bridge, and at work here. `refused`: no task can be made of it.
    """

    key: str
    what: str
    entries: int = 0
    tasks: int = 0
    known: int = 0
    repeats: int = 0
    ours: int = 0
    refused: int = 0
    becomes: dict[str, int] = msgspec.field(default_factory=dict)


class FamilyRow(msgspec.Struct, kw_only=True):
    """Keys that hold no tasks: how many, one of them, and why they are not needed here."""

    what: str
    why: str
    keys: int = 0
    example: str = ""


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, or a whole key, that becomes nothing. `number`: which of those like it, 0 = the whole key."""

    key: str
    number: int
    why: str
    begins: str = ""


class SecretRow(msgspec.Struct, frozen=True, kw_only=True):
    """A field in which the old server keeps a secret. Its value was not read."""

    key: str
    field: str


class ImportReport(msgspec.Struct, kw_only=True):
    """The whole. `done`: it was an import, not a look. `backup`, `refused_file`: whole paths, "" = none.

    `refused`, `secrets`: the first 1,000; the counts have them all. `grown`: lists that changed while they were read.
    `deleted`: entries taken out of the old server. `paused`: queues that the old system had paused.
    """

    done: bool
    server: str
    keys: list[KeyRow] = msgspec.field(default_factory=list)
    others: list[FamilyRow] = msgspec.field(default_factory=list)
    refused: list[RefusedRow] = msgspec.field(default_factory=list)
    refused_count: int = 0
    secrets: list[SecretRow] = msgspec.field(default_factory=list)
    secrets_count: int = 0
    tasks: int = 0
    handed_in: int = 0
    known: int = 0
    repeats: int = 0
    deleted: int = 0
    grown: list[str] = msgspec.field(default_factory=list)
    paused: list[str] = msgspec.field(default_factory=list)
    backup: str = ""
    refused_file: str = ""

    def row(self, key: str, what: str) -> KeyRow:
        """The row of a key; beyond 300 keys they share one."""
        rows = {row.key: row for row in self.keys}
        if (found := rows.get(key)) is None:
            if len(rows) >= _ROWS_MOST:
                key, what = _OTHERS, ""
                found = rows.get(key)
            if found is None:
                found = KeyRow(key=key, what=what)
                self.keys.append(found)
        return found

    def family(self, what: str, why: str, key: str) -> None:
        """Count a key that holds no tasks."""
        for row in self.others:
            if (row.what, row.why) == (what, why):
                row.keys += 1
                return
        self.others.append(FamilyRow(what=what, why=why, keys=1, example=key))

    def sort(self) -> None:
        """Put the rows in the order in which keys are read."""
        order = {part.value: place for place, part in enumerate(READ)}
        self.keys.sort(key=lambda row: (order.get(row.what, len(order)), row.key))

    def refuse(self, row: RefusedRow) -> None:
        """Count what becomes nothing, and keep it while there is room."""
        self.refused_count += 1
        if len(self.refused) < LISTED_MOST:
            self.refused.append(row)

    def secret(self, key: str, field: str) -> None:
        """Count a secret, and keep where it is while there is room."""
        self.secrets_count += 1
        if len(self.secrets) < LISTED_MOST:
            self.secrets.append(SecretRow(key=key, field=field))
