"""Tokens, sessions and links: what each is good for, how long, and what is kept of it."""

from __future__ import annotations

import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ezaigents.access import LINK_S, OWN_TOKEN, SESSION_S, Access, GrantKind, Role
from ezaigents.access import access as access_file
from ezaigents.access.grant import Presented
from ezaigents.clock import ManualClock
from ezaigents.errors import ConfigError, InputError

DAY_S = 86_400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def access(tmp_path: Path, clock: ManualClock) -> Access:
    return Access(tmp_path, clock)


def _secret(text: str) -> str:
    return text.split("_", 2)[2]


def _kept(home: Path) -> bytes:
    """Everything that lies in `access/`."""
    return b"".join(path.read_bytes() for path in (home / "access").iterdir())


# -- roles ---------------------------------------------------------------------------------------------------------


def test_each_role_includes_those_below_it_and_itself() -> None:
    """`admin` may what `operate` may, which may what `read` may; never the other way round."""
    order = [Role.READ, Role.OPERATE, Role.ADMIN]
    for number, role in enumerate(order):
        assert [other for other in order if role.includes(other)] == order[: number + 1]


# -- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_is_found_by_its_text(access: Access) -> None:
    """Whoever presents the text that was given has the grant that it was given for."""
    given = access.give(Role.OPERATE, "a script")
    found = access.find(given.text, GrantKind.TOKEN)
    assert found == given.grant
    assert (given.grant.role, given.grant.name, given.grant.ends_ms) == (Role.OPERATE, "a script", 0)


def test_a_token_is_not_found_with_another_secret(access: Access) -> None:
    """An id is no secret: with the secret of another token, or with one character changed, it opens nothing."""
    one, other = access.give(Role.ADMIN, "one"), access.give(Role.ADMIN, "other")
    last = "A" if one.text[-2] != "A" else "B"
    for text in (f"ez_{one.grant.id}_{_secret(other.text)}", f"{one.text[:-2]}{last}{one.text[-1]}"):
        assert access.find(text, GrantKind.TOKEN) is None


def test_secrets_are_compared_in_constant_time(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes says nothing of how much was right: the comparison is the library's own for that."""
    given = access.give(Role.ADMIN, "one")
    compared: list[tuple[str, str]] = []
    original = hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    assert access.find(given.text, GrantKind.TOKEN) is not None
    assert access.find(f"ez_{given.grant.id}_{'A' * 43}", GrantKind.TOKEN) is None
    assert len(compared) == 2
    assert all(len(one) == len(other) == 64 for one, other in compared)


def test_a_token_is_not_found_under_another_id(access: Access) -> None:
    """The right secret with an id that is nobody's, or leads elsewhere, opens nothing."""
    given = access.give(Role.ADMIN, "one")
    for other in ("0" * 12, "../" + given.grant.id, given.grant.id.upper(), "." * 12, "", f"{given.grant.id}\n"):
        assert access.find(f"ez_{other}_{_secret(given.text)}", GrantKind.TOKEN) is None


@pytest.mark.parametrize("text", ["", "ez_", "ez__", "x" * 100_000, "ez_" + "0" * 12 + "_" + "é" * 43, "\0", "ez_\n"])
def test_a_text_that_can_be_no_token_opens_nothing(access: Access, text: str) -> None:
    """Any text may be presented; one that is not of our form is nobody's."""
    access.give(Role.ADMIN, "one")
    assert access.find(text, GrantKind.TOKEN) is None
    assert access.redeem(text) is None


def test_a_token_with_a_space_or_newline_behind_it_is_not_the_token(access: Access) -> None:
    """The text must be the whole of what is presented."""
    given = access.give(Role.ADMIN, "one")
    for text in (f"{given.text}\n", f"{given.text} ", f" {given.text}", f"{given.text}x"):
        assert access.find(text, GrantKind.TOKEN) is None


def test_the_disk_never_holds_a_secret(access: Access, tmp_path: Path) -> None:
    """What is kept of a token, a link or a session cannot be presented; only the file `token` holds the host's own."""
    own = access.own_token()
    link = access.give_link()
    session = access.redeem(access.give_link().text)
    assert session is not None
    texts = [own, access.give(Role.READ, "a script").text, link.text, session.text]
    for text in texts:
        assert _secret(text).encode() not in _kept(tmp_path)
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and _secret(own).encode() in path.read_bytes()]
    assert holding == [tmp_path / "token"] == [access.token_path]
    assert access.token_path.read_text() == f"{own}\n"


def test_nothing_that_is_shown_in_passing_holds_a_secret(access: Access) -> None:
    """What a log or a traceback prints of a grant does not open anything."""
    given = access.give(Role.ADMIN, "one")
    presented = Presented.of(given.text)
    assert presented is not None
    assert _secret(given.text) not in f"{given!r} {given} {given.grant!r} {presented!r} {presented}"


def test_secrets_have_256_bits_and_are_never_the_same(access: Access) -> None:
    """A secret is 32 random bytes, and no two are alike."""
    texts = [access.give(Role.READ, "one").text for _ in range(20)]
    assert len({_secret(text) for text in texts}) == 20
    assert {len(_secret(text)) for text in texts} == {43}


def test_what_is_revoked_ends_at_once(access: Access, tmp_path: Path) -> None:
    """A token or session that was taken back opens nothing from then on, whoever asks, and is not listed."""
    token = access.give(Role.ADMIN, "one")
    session = access.redeem(access.give_link().text)
    assert session is not None
    other = Access(tmp_path)
    for given, kind in ((token, GrantKind.TOKEN), (session, GrantKind.SESSION)):
        assert other.revoke(given.grant.id)
        assert access.find(given.text, kind) is None
        assert not access.revoke(given.grant.id)
    assert access.all() == []


@pytest.mark.parametrize("grant_id", ["", "0" * 12, "../token", "token", "..", "\0", "x" * 100_000, "é" * 12])
def test_revoking_what_is_no_grant_takes_nothing_away(access: Access, tmp_path: Path, grant_id: str) -> None:
    """An id that is nobody's, or that is a path, is answered with False."""
    own = access.own_token()
    assert not access.revoke(grant_id)
    assert access.find(own, GrantKind.TOKEN) is not None
    assert (tmp_path / "token").exists()


def test_a_token_with_days_ends_by_itself(access: Access, clock: ManualClock) -> None:
    """A token that was given for a day is good to its last second, and no longer."""
    given = access.give(Role.READ, "one", days=1)
    clock.advance(DAY_S - 1)
    assert access.find(given.text, GrantKind.TOKEN) is not None
    clock.advance(1)
    assert access.find(given.text, GrantKind.TOKEN) is None
    assert access.all() == []


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "a\0b", "\x1b[31m", "\ud800", OWN_TOKEN])
def test_a_name_that_cannot_be_is_refused(access: Access, name: str) -> None:
    """Names are 1 to 64 printable characters, and never the host's own; the error names the field."""
    with pytest.raises(InputError, match="name") as refused:
        access.give(Role.READ, name)
    assert refused.value.field == "name"
    assert access.all() == []


@pytest.mark.parametrize("name", ["x", "x" * 64, "für die Bücher"])
def test_a_name_within_its_bounds_is_taken(access: Access, name: str) -> None:
    """The bounds themselves, and letters of any script, are fine."""
    assert access.give(Role.READ, name).grant.name == name


def test_there_are_only_so_many_grants(access: Access, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing is given, with words that say what to do; what is over makes room by itself."""
    monkeypatch.setattr(access_file, "GRANTS_MOST", 3)
    access.give(Role.READ, "one", days=1)
    access.give(Role.READ, "two")
    access.give_link()
    for give in (lambda: access.give(Role.READ, "four"), access.give_link, access.own_token):
        with pytest.raises(ConfigError, match="ez token revoke"):
            give()
    clock.advance(LINK_S)
    access.give(Role.READ, "four")
    with pytest.raises(ConfigError):
        access.give(Role.READ, "five")
    clock.advance(DAY_S)
    assert [grant.name for grant in access.all()] == ["two", "four"]
    access.give(Role.READ, "five")


def test_a_link_can_be_followed_when_there_is_no_room_for_more(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session takes the place of its link, so the limit stands in nobody's way who has one."""
    monkeypatch.setattr(access_file, "GRANTS_MOST", 2)
    access.give(Role.READ, "one")
    assert access.redeem(access.give_link().text) is not None


# -- links and sessions --------------------------------------------------------------------------------------------


def test_a_link_becomes_one_session_once(access: Access) -> None:
    """The first who follows a link has a session of its role for thirty days; the second has nothing."""
    link = access.give_link(Role.OPERATE)
    session = access.redeem(link.text, "a browser")
    assert session is not None
    grant = session.grant
    assert (grant.kind, grant.role, grant.name) == (GrantKind.SESSION, Role.OPERATE, "a browser")
    assert grant.ends_ms - grant.made_ms == SESSION_S * 1000
    assert access.find(session.text, GrantKind.SESSION) == grant
    assert access.redeem(link.text) is None
    assert [one.kind for one in access.all()] == [GrantKind.SESSION]


def test_of_many_who_follow_a_link_at_once_one_has_a_session(tmp_path: Path) -> None:
    """Twenty threads redeem the same code: exactly one gets a session, and there is exactly one."""
    for _ in range(5):
        code = Access(tmp_path).give_link().text
        before = len(Access(tmp_path).all()) - 1
        with ThreadPoolExecutor(20) as pool:
            told = list(pool.map(lambda _, code=code: Access(tmp_path).redeem(code), range(20)))
        assert sum(one is not None for one in told) == 1
        assert len(Access(tmp_path).all()) == before + 1


def test_a_link_is_of_no_use_after_ten_minutes(access: Access, clock: ManualClock) -> None:
    """A link that was not followed within ten minutes opens nothing."""
    in_time, late = access.give_link(), access.give_link()
    clock.advance(599)
    assert access.redeem(in_time.text) is not None
    clock.advance(1)
    assert access.redeem(late.text) is None


def test_a_session_ends_after_thirty_days(access: Access, clock: ManualClock) -> None:
    """A session is good for thirty days, and not longer."""
    session = access.redeem(access.give_link().text)
    assert session is not None
    clock.advance(30 * DAY_S - 1)
    assert access.find(session.text, GrantKind.SESSION) is not None
    clock.advance(1)
    assert access.find(session.text, GrantKind.SESSION) is None


def test_each_kind_is_good_for_itself_alone(access: Access) -> None:
    """A session is no token, a token no session, and a link neither; none but a link can be redeemed."""
    token = access.give(Role.ADMIN, "one").text
    link = access.give_link().text
    session = access.redeem(access.give_link().text)
    assert session is not None
    texts = {GrantKind.TOKEN: token, GrantKind.SESSION: session.text, GrantKind.LINK: link}
    for kind, text in texts.items():
        assert [other for other in GrantKind if access.find(text, other)] == [kind]
    assert access.redeem(token) is None
    assert access.redeem(session.text) is None
    assert access.find(token, GrantKind.TOKEN) is not None
    assert access.find(session.text, GrantKind.SESSION) is not None


def test_what_a_browser_calls_itself_is_kept_in_bounds(access: Access) -> None:
    """However long a browser's name is, that of its session has 64 characters."""
    session = access.redeem(access.give_link().text, "x" * 10_000)
    assert session is not None
    assert session.grant.name == "x" * 64


# -- the host's own ------------------------------------------------------------------------------------------------


def test_the_own_token_stays_the_same(access: Access, tmp_path: Path) -> None:
    """A host that starts again, or a second one, has the token that is in the file."""
    own = access.own_token()
    assert access.own_token() == Access(tmp_path).own_token() == own
    grant = access.find(own, GrantKind.TOKEN)
    assert grant is not None
    assert (grant.role, grant.name) == (Role.ADMIN, OWN_TOKEN)


@pytest.mark.parametrize("lost", ["file", "grant", "changed", "empty", "other", "open", "link"])
def test_the_own_token_is_made_anew_where_it_cannot_be_used(access: Access, tmp_path: Path, lost: str) -> None:
    """When its file or its grant is lost, changed, or could be another's, there is a new one, and the old one is
    over.
    """
    own = access.own_token()
    file = tmp_path / "token"
    if lost == "file":
        file.unlink()
    elif lost == "grant":
        next((tmp_path / "access").iterdir()).unlink()
    elif lost == "changed":
        file.write_text(own[:-1] + ("A" if own[-1] != "A" else "E"))
    elif lost == "empty":
        file.write_bytes(b"")
    elif lost == "other":
        file.write_bytes(b"\xff" * 10_000)
    elif lost == "open":
        file.chmod(0o644)
    else:
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    fresh = access.own_token()
    assert fresh != own
    assert access.find(fresh, GrantKind.TOKEN) is not None
    assert access.find(own, GrantKind.TOKEN) is None
    assert [grant.name for grant in access.all()] == [OWN_TOKEN]
    assert file.read_text() == f"{fresh}\n"
    assert not file.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_own_token_can_be_taken_back(access: Access, tmp_path: Path) -> None:
    """Whoever revokes the host's own token takes its file away too; the next start makes another one."""
    own = access.own_token()
    access.give(Role.READ, "one")
    assert access.revoke(own.split("_")[1])
    assert not (tmp_path / "token").exists()
    assert access.find(own, GrantKind.TOKEN) is None
    assert access.own_token() != own


def test_taking_another_back_leaves_the_own_token(access: Access) -> None:
    """What is taken back is that one grant, and nothing else."""
    own, other = access.own_token(), access.give(Role.READ, "one")
    assert access.revoke(other.grant.id)
    assert access.own_token() == own


def test_hosts_that_start_together_leave_a_token_that_is_good(tmp_path: Path) -> None:
    """However many make the own token at the same time, the one in the file opens."""
    for number in range(5):
        home = tmp_path / str(number)
        home.mkdir()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _, home=home: Access(home).own_token(), range(4)))
        own = (home / "token").read_text().strip()
        assert Access(home).find(own, GrantKind.TOKEN) is not None


@pytest.mark.parametrize("name", ["access", "token"])
def test_where_access_cannot_be_kept_the_error_says_where(access: Access, tmp_path: Path, name: str) -> None:
    """Where a file cannot be made, the error is one of ours and names it."""
    in_the_way = tmp_path / name
    in_the_way.write_text("") if name == "access" else in_the_way.mkdir()
    with pytest.raises(ConfigError, match=name):
        access.own_token()


def test_a_token_that_could_not_be_written_is_not_given(access: Access, tmp_path: Path) -> None:
    """Whoever has a token's text has one that is on the disk."""
    (tmp_path / "access").symlink_to(tmp_path / "nowhere" / "at" / "all")
    with pytest.raises(ConfigError, match="no access was given"):
        access.give(Role.READ, "one")
