"""Questions to Docker over its unix socket. Job: GET one path, decode what comes, within a deadline and a size.

Docker's answers are data of another program: nothing in them is believed beyond its type. Not its job: what they mean
(containers). Source: Docker Engine API v1.41, https://docs.docker.com/reference/api/engine/version/v1.41/ (2026-11-29).
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, TypeVar

import httptools
import msgspec

from ezaigents.codec import from_json

_T = TypeVar("_T")
_MOST_BYTES = 4 * 1024 * 1024
_READ_BYTES = 64 * 1024


class DockerAway(Exception):
    """Docker cannot be asked; the text says why. Never leaves this room."""


class _Answer:
    """What httptools tells while it reads."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Docker:
    """One connection, kept for a look: `async with Docker(path) as docker`. The caller sets the deadline."""

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path

    async def __aenter__(self) -> Self:
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=_READ_BYTES)
        except PermissionError:
            raise DockerAway(f"no permission for {self._path}: this user is not in its group") from None
        except OSError as error:
            raise DockerAway(f"nothing answers at {self._path}: {error.strerror or error}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def get(self, path: str, kind: type[_T]) -> _T | None:
        """One answer; None where there is no such thing (any more). Raises DockerAway."""
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        try:
            self._writer.write(f"GET {path} HTTP/1.1\r\nHost: docker\r\nAccept: application/json\r\n\r\n".encode())
            while not answer.complete:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    raise DockerAway(f"{self._path} hung up in the middle of an answer")
                parser.feed_data(data)
                if len(answer.body) > _MOST_BYTES:
                    raise DockerAway(f"{self._path} answered with more than {_MOST_BYTES:,} bytes")
            status = parser.get_status_code()
            if status == 404:
                return None
            if status != 200:
                raise DockerAway(f"{self._path} answered {path} with status {status}")
            return from_json(bytes(answer.body), kind)
        except OSError as error:
            raise DockerAway(f"{self._path} stopped answering: {error.strerror or error}") from error
        except (httptools.HttpParserError, msgspec.DecodeError) as error:
            raise DockerAway(f"what answers at {self._path} is not Docker ({type(error).__name__})") from error
