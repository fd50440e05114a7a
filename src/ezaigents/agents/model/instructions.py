"""What a workspace says of itself to agents. Job: find and read AGENTS.md, nearest first. Not its job: obeying it.

Where a folder has no AGENTS.md, CLAUDE.md or GEMINI.md stands in for it. Source: agents.md (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ezaigents.errors import InputError
from ezaigents.policy import clip_bytes
from ezaigents.workspace import FileRefused, Overlay, canonical

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
_ONE_MOST_BYTES = 8 * 1024
_ALL_MOST_BYTES = 16 * 1024


def read_instructions(files: Overlay, root: Path, paths: Iterable[str]) -> list[tuple[str, str]]:
    """The instructions for work on `paths`: path and text, the deepest folders first, at most 16 KiB in all."""
    found: list[tuple[str, str]] = []
    left_bytes = _ALL_MOST_BYTES
    for folder in _folders(paths):
        one = _of_folder(files, root, folder)
        if one is not None and left_bytes > 0:
            text = clip_bytes(one[1], min(_ONE_MOST_BYTES, left_bytes))
            left_bytes -= len(text.encode())
            found.append((one[0], text))
    return found


def _folders(paths: Iterable[str]) -> list[str]:
    """The folders of the paths and all above them, deepest first; "" is the workspace itself."""
    folders = {""}
    for path in paths:
        parts = [part for part in path.split("/") if part]
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return sorted(folders, key=lambda folder: (-folder.count("/") - bool(folder), folder))


def _of_folder(files: Overlay, root: Path, folder: str) -> tuple[str, str] | None:
    for name in NAMES:
        path = f"{folder}/{name}" if folder else name
        try:
            if canonical(root, path) != path:
                continue  # a link: what it leads to was not written to be read by agents
            data = files.window(path, 0, _ONE_MOST_BYTES).data
        except (FileRefused, InputError):
            continue
        return path, data.decode("utf-8", "replace")
    return None
