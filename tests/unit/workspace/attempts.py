"""A workspace, a data folder, and attempts at a task in it, for the tests of the overlay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ezaigents.workspace import Overlay, Proposal, read_proposal
from ezaigents.workspace.blobs import Blobs

LIMIT_BYTES = 1024 * 1024


class Bench:
    """`root` is the workspace; `attempt(fence)` opens the overlay of an attempt at the only task."""

    def __init__(self, place: Path) -> None:
        self.root = place / "repo"
        self.home = place / "home"
        self.task = self.home / "tasks" / "t1"
        self.root.mkdir()
        self.home.mkdir()
        self.touched: list[tuple[str, bool]] = []

    def put(self, path: str, data: bytes, mode: int = 0o644) -> str:
        """Write a file of the workspace, as a person would, and return its hash."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)
        return sha(data)

    def folder(self, fence: int) -> Path:
        folder = self.task / str(fence)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def attempt(
        self, fence: int = 1, *earlier: int, files_most: int = 2000, written_most_bytes: int = 2**28
    ) -> Overlay:
        return Overlay(
            self.root,
            self.folder(fence),
            hidden=self.home,
            limit_bytes=LIMIT_BYTES,
            earlier=[self.folder(number) for number in earlier],
            on_touch=lambda path, changed: self.touched.append((path, changed)),
            files_most=files_most,
            written_most_bytes=written_most_bytes,
        )

    def proposal(self, fence: int = 1) -> Proposal:
        return read_proposal(self.folder(fence))

    @property
    def content(self) -> Callable[[str], bytes]:
        return Blobs(self.task / "blobs").read


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
