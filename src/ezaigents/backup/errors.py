"""What can be wrong with a backup. Job: the words. Each says what to do next."""

from __future__ import annotations

from pathlib import Path

from ezaigents.errors import GiveUp, InputError, LimitReached


class NotABackup(InputError):
    """The file is not one that `ez backup` made."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__("FILE", f"{path} {why}; name a file that `ez backup` made")


class Damaged(GiveUp):
    """The file was a backup and is not whole any more; nothing of it was written anywhere."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is damaged: {why}; nothing was restored: copy it again, or use another backup")


class TooNew(GiveUp):
    """A newer version made it."""

    def __init__(self, what: str, has: int, known: int, program: str) -> None:
        newer = f"ezaigents {program} or newer" if program else "the newer version"
        super().__init__(f"{what} is of version {has}, and this ezaigents knows up to {known}: install {newer}")


class NoRoom(LimitReached):
    """The disk, or a limit on the size of files, is full."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be written: {why}; nothing was left behind: free space there, or name another")
