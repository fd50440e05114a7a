"""Who may reach the fleet. Job: give access, look it up, take it back. Not its job: HTTP.

The host's own token is made at its first start and lies in the file `token`. A browser never holds it: a link, good
once, becomes a session of its own, which can be taken back alone.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.access.files import GrantFiles
from ezaigents.access.grant import Grant, GrantKind, Presented
from ezaigents.access.role import Role
from ezaigents.clock import Clock, SystemClock
from ezaigents.errors import ConfigError, InputError

LINK_S = 600
"""A link that was not followed is of no use after ten minutes."""
SESSION_S = 30 * 86_400
OWN_TOKEN = "token"  # noqa: S105 - the name of the host's own, which lies in the file of this name
GRANTS_MOST = 1000
_NAME_MOST_CHARS = 64


class Given(msgspec.Struct, frozen=True):
    """A grant, and the text that its holder presents: it is told once, and kept nowhere."""

    grant: Grant
    text: str

    def __repr__(self) -> str:
        return f"<Given {self.grant.id}>"


class Access:
    """Access to the fleet of one data folder; `home` must exist. Every call looks at the files."""

    def __init__(self, home: Path, clock: Clock | None = None) -> None:
        self._files = GrantFiles(home)
        self._clock = clock or SystemClock()

    @property
    def token_path(self) -> Path:
        """Where the host's own token lies."""
        return self._files.token_path

    def own_token(self) -> str:
        """The host's own token, made now where there is none that can be used. Raises ConfigError."""
        with self._files.alone():  # hosts may start together
            text = self._files.read_token()
            if self.find(text, GrantKind.TOKEN) is not None:
                return text
            for grant in self._files.all():
                if grant.kind is GrantKind.TOKEN and grant.name == OWN_TOKEN:
                    self._files.remove(grant.id)
            given = self._give(GrantKind.TOKEN, Role.ADMIN, OWN_TOKEN, 0)
            self._files.write_token(given.text)
            return given.text

    def give(self, role: Role, name: str, *, days: int = 0) -> Given:
        """Make a token for a program. `days`: how long it is good, 0 = until it is taken back. Raises InputError."""
        if not 0 < len(name) <= _NAME_MOST_CHARS or not name.isprintable():
            raise InputError("name", f"takes 1 to {_NAME_MOST_CHARS} printable characters")
        if name == OWN_TOKEN:
            raise InputError("name", f"{OWN_TOKEN!r} is the host's own; take another one")
        return self._give(GrantKind.TOKEN, role, name, days * 86_400)

    def give_link(self, role: Role = Role.ADMIN) -> Given:
        """Make a link's code: it becomes one session, once, within ten minutes."""
        return self._give(GrantKind.LINK, role, "link", LINK_S)

    def redeem(self, text: str, name: str = "browser") -> Given | None:
        """Make a session of a link's code; None when it is none, was used, or came too late."""
        grant = self._held(text)
        if grant is None or grant.kind is not GrantKind.LINK or not self._files.remove(grant.id):
            return None
        return self._give(GrantKind.SESSION, grant.role, name[:_NAME_MOST_CHARS], SESSION_S)

    def find(self, text: str, kind: GrantKind) -> Grant | None:
        """The grant of this kind that somebody presents; None when he has none."""
        grant = self._held(text)
        return grant if grant is not None and grant.kind is kind else None

    def is_good(self, grant: Grant) -> bool:
        """Whether a grant that was found before still is one."""
        kept = self._files.read(grant.id)
        return kept is not None and kept.digest == grant.digest and not kept.is_over(self._clock.wall_ms())

    def all(self) -> list[Grant]:
        """Every token and session that is good now, and links not followed yet; oldest first."""
        now_ms = self._clock.wall_ms()
        return [grant for grant in self._files.all() if not grant.is_over(now_ms)]

    def revoke(self, grant_id: str) -> bool:
        """Take one back; it has no effect from now on. False when there is none. Raises ConfigError."""
        own = Presented.of(self._files.read_token())
        removed = self._files.remove(grant_id)
        if removed and own is not None and own.id == grant_id:
            self._files.forget_token()
        return removed

    def _held(self, text: str) -> Grant | None:
        presented = Presented.of(text)
        grant = self._files.read(presented.id) if presented is not None else None
        if presented is None or grant is None or grant.is_over(self._clock.wall_ms()):
            return None
        return grant if presented.fits(grant.digest) else None

    def _give(self, kind: GrantKind, role: Role, name: str, good_s: int) -> Given:
        self._tidy()
        presented, now_ms = Presented.new(), self._clock.wall_ms()
        grant = Grant(
            id=presented.id,
            kind=kind,
            role=role,
            name=name,
            digest=presented.digest,
            made_ms=now_ms,
            ends_ms=now_ms + good_s * 1000 if good_s else 0,
        )
        self._files.write(grant)
        return Given(grant, presented.text)

    def _tidy(self) -> None:
        """Remove what is over. Raises ConfigError where there would be too many all the same."""
        now_ms, kept = self._clock.wall_ms(), 0
        for grant in self._files.all():
            if grant.is_over(now_ms):
                self._files.remove(grant.id)
            else:
                kept += 1
        if kept >= GRANTS_MOST:
            raise ConfigError(
                f"{kept:,} tokens and sessions are in use, which is all there may be; "
                "`ez token list` shows them, `ez token revoke ID` takes one back"
            )
