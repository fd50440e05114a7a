"""`ez switch` on a fleet that runs: what takes effect at once, what says that it does not, what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import closing

import httpx2
import pytest
from tests.integration.cli.installed import Place, wait_until

from ezaigents.access import Access
from ezaigents.engine import BlockingConnection
from ezaigents.engine.embedded import find_embedded
from ezaigents.home import home_id
from ezaigents.queue import Keys
from ezaigents.settings import Settings

_NAMES = (
    "shared-runtime",
    "bounded-memory",
    "compact-storage",
    "push-delivery",
    "delta-heartbeat",
    "pushed-dashboard",
    "parallel-start",
)


def _switches(place: Place) -> dict[str, tuple[bool, str]]:
    return {row["name"]: (row["on"], row["from"]) for row in place.json("switch")["switches"]}


def _connection(place: Place) -> BlockingConnection:
    found = find_embedded(Settings(home=str(place.home)))
    assert found is not None
    return BlockingConnection(found.address)


def _commands_in(place: Place, seconds: float) -> int:
    """How many commands the engine carried out meanwhile."""
    with closing(_connection(place)) as connection:

        def count() -> int:
            stats: bytes = connection.call("INFO", "stats")
            return int(stats.split(b"total_commands_processed:")[1].split()[0])

        before = count()
        time.sleep(seconds)
        return count() - before


def test_all_are_listed_and_on(place: Place) -> None:
    """Without a fleet too; `--json` has the same."""
    assert _switches(place) == dict.fromkeys(_NAMES, (True, "default"))
    shown = place.ez("switch")
    assert all(name in shown.out for name in _NAMES)


def test_delivery_is_exchanged_in_a_running_host(place: Place) -> None:
    """Off, it looks for work again and again; on again, it asks nothing; tasks are done before, between and after."""
    place.up(EZ_POLL_S="0.05")
    assert place.ez("run", "--agent", "local", "look", "knots.py").code == 0
    assert place.ez("switch", "push-delivery", "off").code == 0
    wait_until(lambda: _commands_in(place, 0.5) >= 5, "the host polls")
    assert place.ez("run", "--agent", "local", "look", "pkg").code == 0
    assert place.ez("switch", "push-delivery", "on").code == 0
    wait_until(lambda: _commands_in(place, 0.5) <= 3, "the host is quiet")
    assert place.ez("run", "--agent", "local", "look", "notes.md").code == 0


def test_the_heartbeat_is_exchanged_in_a_running_host(place: Place) -> None:
    """Off, every agent's state is told, though nothing ails any; on again, only what ails."""
    place.up()

    def told() -> bytes:
        with closing(_connection(place)) as connection:
            return connection.call("HGET", Keys(home_id(place.home)).host("main"), "health") or b""

    assert b"claude" not in told()
    place.ez("switch", "delta-heartbeat", "off")
    wait_until(lambda: b"claude" in told(), "the full state is told")
    place.ez("switch", "delta-heartbeat", "on")
    wait_until(lambda: b"claude" not in told(), "only what ails is told")


def test_push_to_browsers_is_ended_and_begun_at_once(place: Place) -> None:
    """Off, the stream is refused with the way out, and one that is open ends; on, there is one again."""
    place.up()
    port = int(place.ez("status").out.rpartition("http://127.0.0.1:")[2].split()[0])
    headers = {"authorization": f"Bearer {Access(place.home).own_token()}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False) as http:
        with http.stream("GET", "/api/events") as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()
            next(lines)
            place.ez("switch", "pushed-dashboard", "off")
            assert place.ez("run", "--agent", "local", "look", "knots.py").code == 0
            for _ in lines:  # to its end
                pass
        refused = http.get("/api/events")
        assert refused.status_code == 404
        assert "dashboard_push" in refused.text
        place.ez("switch", "pushed-dashboard", "default")
        place.ez("switch", "pushed-dashboard", "on")
        with http.stream("GET", "/api/events") as stream:
            assert stream.status_code == 200


def test_what_needs_a_start_says_so_and_has_it_after(place: Place) -> None:
    """A choice is kept over a restart; `default` takes it back; `all` means each."""
    place.up()
    chosen = place.ez("switch", "bounded-memory", "off")
    assert "start again" in chosen.err
    place.ez("down")
    assert _switches(place)["bounded-memory"] == (False, "ez switch")
    assert place.ez("switch", "all", "off").err == ""
    assert {on for on, _ in _switches(place).values()} == {False}
    place.ez("switch", "all", "default")
    assert _switches(place) == dict.fromkeys(_NAMES, (True, "default"))


def test_the_environment_outranks_and_that_is_told(place: Place) -> None:
    """Whoever chooses what his own environment overrules hears of it."""
    said = place.ez("switch", "push-delivery", "on", EZ_DELIVERY="poll")
    assert "EZ_DELIVERY" in said.err
    rows = json.loads(place.ez("switch", "--json", EZ_DELIVERY="poll").out)["switches"]
    assert [(row["on"], row["from"]) for row in rows if row["name"] == "push-delivery"] == [(False, "environment")]


@pytest.mark.parametrize("words", [("push-delivry", "off"), ("push-delivery",), ("push-delivery", "maybe"), ("", "on")])
def test_bad_words_are_refused_and_change_nothing(place: Place, words: tuple[str, ...]) -> None:
    """Exit code 2, one line, and no file of choices."""
    refused = place.ez("switch", *words)
    assert refused.code == 2
    assert "ez switch" in refused.error or "push-delivery" in refused.error
    assert not (place.home / "switches.json").exists()


def test_a_spoilt_file_stops_the_start_with_its_name(place: Place) -> None:
    """Nothing runs under a choice that nobody made."""
    place.home.mkdir(mode=0o700)
    (place.home / "switches.json").write_text('{"delivery": "pigeon"}')
    refused = place.ez("up", "--detach")
    assert refused.code == 2
    assert "switches.json" in refused.error


def test_without_a_fleet_choosing_is_all_that_happens(place: Place) -> None:
    """Nothing is started, and the next start has it."""
    assert place.ez("switch", "delta-heartbeat", "off").code == 0
    assert not place.processes()


def test_what_is_chosen_while_a_fleet_starts_is_in_force_in_it(place: Place) -> None:
    """It may be read by nobody and heard by nobody; the host looks once more when it is there."""
    for _ in range(3):
        starting = place.begin("up", "--detach", EZ_POLL_S="0.05")
        wait_until(lambda: any("cli.host" in command for command in place.processes().values()), "it starts")
        assert place.ez("switch", "push-delivery", "off").code == 0
        starting.communicate(timeout=60)
        assert starting.returncode == 0
        wait_until(lambda: _commands_in(place, 0.5) >= 5, "the host polls")
        place.ez("down")
        place.ez("switch", "push-delivery", "default")


def test_hosts_that_cannot_be_told_are_named(place: Place) -> None:
    """An engine that stands still: the choice is kept, and what to do is said."""
    place.up()
    engine = place.engine_pid()
    os.kill(engine, signal.SIGSTOP)
    try:
        said = place.ez("switch", "push-delivery", "off")
    finally:
        os.kill(engine, signal.SIGCONT)
    assert "could not be told" in said.err
    assert _switches(place)["push-delivery"] == (False, "ez switch")


def test_choices_at_once_are_all_kept(place: Place) -> None:
    """Nobody's choice is written over by another's."""
    choosing = [place.begin("switch", name, "off") for name in _NAMES]
    for one in choosing:
        one.communicate(timeout=60)
    assert [one.returncode for one in choosing] == [0] * len(_NAMES)
    assert {on for on, _ in _switches(place).values()} == {False}


def test_messages_go_where_the_running_hosts_look(place: Place) -> None:
    """Storage is for the next start: until then users, and hosts that come, keep messages as those that are here."""
    place.up("--sim")
    place.ez("switch", "compact-storage", "off")
    assert place.ez("msg", "claude", "use tabs").code == 0
    with closing(_connection(place)) as connection:
        keys = Keys(home_id(place.home))
        assert connection.call("EXISTS", keys.mailbox("claude")) == 1
        assert connection.call("EXISTS", keys.plain_mail("claude")) == 0
        other = place.ez("up", "--detach", "--name", "other")
        assert "keeps messages" in other.err
        assert connection.call("PTTL", keys.host("other")) > 0
    assert place.ez("fsck").code == 0
