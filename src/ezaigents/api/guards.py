"""What every answer carries. Job: headers that keep browsers on our side, and the answer to what is no request.

Not its job: who may come in (gate).
"""

from __future__ import annotations

from ezaigents.api.failing import PROBLEM, problem

GUARDS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NOT_KEPT = (b"cache-control", b"no-store")


def bad_request() -> bytes:
    """A whole answer, for who sent what cannot be read as a request: there is nothing else to go by."""
    return _whole(problem(400, "this is no HTTP/1.1 request that can be read"), b"400 Bad Request")


def not_started() -> bytes:
    """A whole answer, for who came while the site could not be started."""
    body = problem(
        503, "the site could not be started; the host's log says why; it is tried again for the next visitor"
    )
    return _whole(body, b"503 Service Unavailable", (b"retry-after", b"5"))


def _whole(body: bytes, status: bytes, *more: tuple[bytes, bytes]) -> bytes:
    headers = (
        (b"content-type", PROBLEM.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        NOT_KEPT,
        *GUARDS,
        *more,
    )
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n" + body
