"""The workspace and how it is set: its folders, files that several tasks are at, settings, which keys there are."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services
from ezaigents.client import KeyPresence, SettingRow, SharedFile, key_rows, setting_rows, shared_files
from ezaigents.settings import Settings
from ezaigents.workspace import list_folder, resolve_inputs

_ENTRIES_MOST = 2000
_PATH = Query(name="path", schema={"type": "string", "maxLength": 4096}, what="A folder, relative to the workspace.")


class FolderFile(msgspec.Struct, frozen=True):
    """A file of a folder."""

    path: str
    size_bytes: int


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in one folder, without ignored files; paths relative to the workspace. `is_cut`: there is more."""

    path: str
    folders: list[str]
    files: list[FolderFile]
    is_cut: bool


class Overlaps(msgspec.Struct, frozen=True):
    """Files at which several running tasks are, of which at least one changes it or means to."""

    files: list[SharedFile]


class SettingList(msgspec.Struct, frozen=True):
    """How the host is set; secrets are not settings."""

    settings: list[SettingRow]


class KeyList(msgspec.Struct, frozen=True):
    """Which providers have keys; no part of a key is ever shown."""

    keys: list[KeyPresence]


async def files(request: Request) -> Response:
    """One folder of the workspace."""
    settings = Services.of(request).settings
    return answer(request, await asyncio.to_thread(folder_of, settings, request.query_params.get("path", "")))


def folder_of(settings: Settings, path: str) -> Folder:
    """List a folder. Raises InputError and its kin for one that is not there, or outside."""
    name = resolve_inputs(settings.workspace, settings.workspace, [path or "."], home=settings.home_path)[0]
    folders, found = list_folder(settings.workspace, name, home=settings.home_path)
    shown = [one for one in found if one.path.isprintable()]
    rows = [FolderFile(one.path, one.size_bytes) for one in shown[:_ENTRIES_MOST]]
    folders = [one for one in folders if one.isprintable()]
    is_cut = len(shown) > len(rows) or len(folders) > _ENTRIES_MOST
    return Folder(path=name, folders=folders[:_ENTRIES_MOST], files=rows, is_cut=is_cut)


async def overlaps(request: Request) -> Response:
    """Who is at the same files."""
    return answer(request, Overlaps(await shared_files(Services.of(request).client)))


async def settings(request: Request) -> Response:
    """How this host is set."""
    return answer(request, SettingList(setting_rows(Services.of(request).settings)))


async def keys(request: Request) -> Response:
    """Which keys there are."""
    return answer(request, KeyList(await asyncio.to_thread(key_rows, Services.of(request).settings)))


ROUTES = (
    Route(
        method="GET", path="/api/files", role=Role.READ, endpoint=files, gives=Folder, queries=(_PATH,),
        raises=(409, 422), what="A folder of the workspace.",
    ),
    Route(
        method="GET", path="/api/overlaps", role=Role.READ, endpoint=overlaps, gives=Overlaps,
        what="Files at which several running tasks are.",
    ),
    Route(
        method="GET", path="/api/settings", role=Role.READ, endpoint=settings, gives=SettingList,
        what="How this host is set; secrets are not among it.",
    ),
    Route(
        method="GET", path="/api/keys", role=Role.READ, endpoint=keys, gives=KeyList,
        what="Which providers have keys, from where, and how they are.",
    ),
)  # fmt: skip
