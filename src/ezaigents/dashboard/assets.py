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
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            plain = path.read_bytes()
            name = f"{path.stem}.{hashlib.sha256(plain).hexdigest()[:12]}{path.suffix}"
            found[name] = Asset(name, _TYPES[path.suffix], plain, gzip.compress(plain, 9, mtime=0))
    return found


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
