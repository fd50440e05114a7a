"""The files that pages need. Job: each under a name that changes with its content, compressed once, for ever in caches.

So a proxy or a content network can serve them as they are. Not its job: pages.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.api.answers import is_known
from ezaigents.api.route import Route

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_BUNDLES = {"site.js": ("htmx.js", "app.js")}
"""Sent as one: a page is asked for once less."""
_CACHE = "public, max-age=31536000, immutable"


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    name: str
    media_type: str
    plain: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every file, by the name under which it is sent; read at the first use."""
    parts = {part for bundle in _BUNDLES.values() for part in bundle}
    files = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
    sent = {name: plain for name, plain in files.items() if name not in parts}
    sent |= {name: b";\n".join(files[part] for part in bundle) for name, bundle in _BUNDLES.items()}
    return {asset.name: asset for asset in map(_asset, sent, sent.values())}


def _asset(name: str, plain: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    shown = f"{stem}.{hashlib.sha256(plain).hexdigest()[:12]}.{suffix}"
    return Asset(shown, _TYPES[f".{suffix}"], plain, gzip.compress(plain, 9, mtime=0))


@cache
def address_of_asset(name: str) -> str:
    """Where a file of the folder is sent from."""
    stem, _, suffix = name.rpartition(".")
    known = next(one for one in assets() if one.startswith(f"{stem}.") and one.endswith(f".{suffix}"))
    return f"/static/{known}"


async def asset(request: Request) -> Response:
    """Send one, packed where that is understood."""
    found = assets().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404, "no such file; the page that names it is older than this host: load it again")
    headers = {"cache-control": _CACHE, "etag": f'"{found.name}"', "vary": "accept-encoding"}
    if is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, headers=headers | {"content-encoding": "gzip"}, media_type=found.media_type)
    return Response(found.plain, headers=headers, media_type=found.media_type)


ROUTES = (
    Route(
        method="GET", path="/static/{name}", role=None, endpoint=asset, given_as="", raises=(404,),
        what="A file that pages need.",
    ),
)  # fmt: skip
