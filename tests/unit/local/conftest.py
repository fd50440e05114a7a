"""The folder that other users may enter, as in the workspace's tests."""

from __future__ import annotations

from tests.unit.workspace.conftest import shared_folder

__all__ = ["shared_folder"]
