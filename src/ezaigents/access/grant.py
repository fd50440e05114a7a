"""A right to reach the fleet. Job: what is kept of it, and the text its holder presents. Not its job: files."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64encode
from enum import StrEnum

import msgspec

from ezaigents.access.role import Role

_SECRET_BYTES = 32
_ID_BYTES = 6
_TEXT = re.compile(r"ez_([0-9a-f]{12})_([A-Za-z0-9_-]{43})\Z")


class GrantKind(StrEnum):
    """`token`: for programs. `session`: what a browser's cookie stands for. `link`: good for one session, once."""

    TOKEN = "token"  # noqa: S105 - a word
    SESSION = "session"
    LINK = "link"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: never the secret, only its hash. `ends_ms`: when it ends by itself, 0 = never."""

    id: str
    kind: GrantKind
    role: Role
    name: str
    digest: str
    made_ms: int
    ends_ms: int = 0

    def is_over(self, now_ms: int) -> bool:
        """Whether its time is up."""
        return 0 < self.ends_ms <= now_ms


class Presented(msgspec.Struct, frozen=True):
    """What somebody presents: `ez_<id>_<secret>`, taken apart."""

    id: str
    secret: str

    @classmethod
    def of(cls, text: str) -> Presented | None:
        """Take a text apart; None for one that can be no token of ours."""
        found = _TEXT.match(text)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def new(cls) -> Presented:
        """A new one: 256 bits nobody can guess."""
        secret = urlsafe_b64encode(os.urandom(_SECRET_BYTES)).rstrip(b"=").decode()
        return cls(os.urandom(_ID_BYTES).hex(), secret)

    @property
    def text(self) -> str:
        """As its holder has it."""
        return f"ez_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def fits(self, digest: str) -> bool:
        """Whether this is the secret that was hashed; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.digest, digest)

    def __repr__(self) -> str:
        return f"<Presented {self.id}>"
