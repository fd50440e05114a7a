"""`ez keys`: setting, showing and forgetting keys, none of which is ever shown; and the servers doctor finds."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.providers.scripted import Play, Server, says, silence
from tests.integration.cli.installed import Done, Place, Terminal

from ezaigents.cli.health import check_local_endpoints
from ezaigents.settings import load_settings

_CANARY = "sk-canary-0123456789-never-shown"
_OTHERS = ("OPENROUTER_API_KEY", "MOONSHOT_API_KEY", "XAI_API_KEY", "OLLAMA_API_KEY", "OLLAMA_HOST", "VLLM_API_KEY")


@pytest.fixture
def kept(place: Place) -> Iterator[Path]:
    """The user's own folder, of this test alone; whatever was said, no key was."""
    own = place.home.parent / "own"
    place.environ |= {"EZ_CONFIG_HOME": str(own)}
    for name in _OTHERS:
        place.environ.pop(name, None)
    yield own
    held = [path for path in own.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert all(path.parent == own / "keys" for path in held)
    assert not place.home.exists()


def _said(done: Done) -> str:
    assert "canary" not in done.out + done.err
    assert "Traceback" not in done.err
    return done.out + done.err


def _row(place: Place, provider: str, **environ: str) -> dict[str, object]:
    done = place.ez("keys", "--json", **environ)
    assert done.code == 0
    _said(done)
    [row] = [row for row in json.loads(done.out)["keys"] if row["provider"] == provider]
    assert set(row) == {"provider", "present", "count", "sources", "state", "problem"}
    return dict(row)


def test_a_key_is_kept_shown_and_forgotten(place: Place, kept: Path) -> None:
    """The whole life of a key: from standard input to a file for its owner alone, seen by its presence, and gone."""
    assert _row(place, "anthropic")["present"] is False
    done = place.feed(f"{_CANARY}\n".encode(), "keys", "set", "anthropic")
    assert (done.code, done.out) == (0, "")
    assert "the agent claude can work with it" in _said(done)
    file = kept / "keys" / "anthropic"
    assert file.read_text() == f"{_CANARY}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    row = _row(place, "anthropic")
    assert (row["present"], row["count"], row["sources"], row["state"]) == (True, 1, ["file"], "ready")
    table = place.ez("keys")
    assert table.out.splitlines()[0].split() == ["Provider", "Keys", "State", "From"]
    _said(table)
    assert "forgot the keys for anthropic" in _said(place.ez("keys", "forget", "anthropic"))
    assert not file.exists()
    assert "no key was kept" in _said(place.ez("keys", "forget", "anthropic"))


def test_several_keys_replace_those_before(place: Place, kept: Path) -> None:
    """One a line or with commas; what was kept before is gone."""
    place.feed(b"old-key-canary", "keys", "set", "openai")
    done = place.feed(b"canary-a, canary-b\n\ncanary-c\n", "keys", "set", "openai")
    assert "kept 3 keys for openai" in _said(done)
    assert (kept / "keys" / "openai").read_text().split() == ["canary-a", "canary-b", "canary-c"]


def test_keys_of_the_shell_are_shown_by_their_names(place: Place, kept: Path) -> None:
    """What the caller's environment has is told with the variable it is in."""
    place.feed(_CANARY.encode(), "keys", "set", "gemini")
    row = _row(place, "gemini", GOOGLE_API_KEY=f"{_CANARY}-2,{_CANARY}-3")
    assert (row["count"], row["sources"]) == (3, ["environment GOOGLE_API_KEY", "file"])
    assert "gemini (kept)" in _said(place.ez("doctor", MISTRAL_API_KEY=_CANARY))
    assert kept.exists()


def test_on_a_terminal_nothing_is_shown(place: Place, kept: Path) -> None:
    """A typed key does not appear on the screen."""
    terminal = Terminal(place, "keys", "set", "mistral")
    terminal.wait_for("key for mistral (not shown)")
    terminal.type(f"{_CANARY}\n")
    assert terminal.end() == 0
    assert "canary" not in terminal.screen
    assert "kept a key for mistral" in terminal.screen
    assert (kept / "keys" / "mistral").read_text() == f"{_CANARY}\n"


@pytest.mark.parametrize(
    "held", [b"", b"\n\n", b"canary two words", b"canary\0", "canary-ключ".encode(), b"canary\xff"]
)
def test_what_is_no_key_is_refused(place: Place, kept: Path, held: bytes) -> None:
    """Exit code 2, nothing of it is repeated, and what was kept stays."""
    place.feed(b"good-canary", "keys", "set", "openai")
    done = place.feed(held, "keys", "set", "openai")
    assert done.code == 2
    assert "key: takes" in _said(done)
    assert (kept / "keys" / "openai").read_text() == "good-canary\n"


def test_an_unknown_provider_is_told_with_the_nearest(place: Place, kept: Path) -> None:
    """A slip of the finger keeps and forgets nothing."""
    for arguments in (("set", "antropic"), ("forget", "antropic"), ("set", "../x")):
        done = place.feed(_CANARY.encode(), "keys", *arguments)
        assert done.code == 2
        assert "no provider is called" in _said(done)
    assert "did you mean 'anthropic'?" in place.feed(b"", "keys", "set", "antropic").error
    assert not kept.exists()


def test_a_file_that_others_can_read_is_told(place: Place, kept: Path) -> None:
    """Its keys do not count, and the command that mends it is named, by the list and by doctor."""
    place.feed(_CANARY.encode(), "keys", "set", "openai")
    (kept / "keys" / "openai").chmod(0o644)
    row = _row(place, "openai")
    assert row["present"] is False
    assert "chmod 600" in str(row["problem"])
    assert "chmod 600" in _said(place.ez("keys"))
    assert "chmod 600" in _said(place.ez("doctor"))


def test_a_workspace_that_is_not_trusted_is_told(place: Place, kept: Path) -> None:
    """A file that sends keys elsewhere stops the list with one line; doctor says it and goes on."""
    place.write("ezaigents.toml", "[providers.openai]\nbase_url = 'https://evil.example/v1'\n")
    done = place.ez("keys", OPENAI_API_KEY=_CANARY)
    assert done.code == 2
    assert "ez agents --trust" in done.error
    assert "ez agents --trust" in _said(place.ez("doctor", OPENAI_API_KEY=_CANARY))
    assert not kept.exists()


def test_json_goes_with_the_list(place: Place, kept: Path) -> None:
    """What changes something has no JSON."""
    assert place.feed(_CANARY.encode(), "keys", "--json", "set", "openai").code == 2
    assert not kept.exists()


class _Served:
    """A scripted server in a thread of its own, for what asks with a blocking call."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._run)
        self.host = ""

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(10)
        return self.host

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with Server(self._play) as server:
            self.host = server.url
            self._ready.set()
            await self._leave.wait()


def _found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> dict[str, str]:
    for name in ("OLLAMA_HOST", "LMSTUDIO_BASE_URL", "VLLM_BASE_URL"):
        monkeypatch.setenv(name, host)
    settings = load_settings(environ={**os.environ, "HOME": str(tmp_path), "EZ_WORKSPACE": str(tmp_path)})
    return {check.name: check.finding for check in check_local_endpoints(settings)}


def test_local_models_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers is named with what it serves; silence and rubbish are no server, and cost little time."""
    models = {"object": "list", "data": [{"id": f"qwen-{number}"} for number in range(10)]}
    with _Served(says(200, models)) as host:
        found = _found(tmp_path, monkeypatch, host)
    assert set(found) == {"ollama", "lmstudio", "vllm"}
    assert found["ollama"].endswith("/v1 serves qwen-0, qwen-1, qwen-2, qwen-3, qwen-4, qwen-5, qwen-6, qwen-7, ...")
    with _Served(says(200, {"data": None})) as host:
        assert "serves no model yet" in _found(tmp_path, monkeypatch, host)["vllm"]
    for play in (silence(), says(404, {}), says(200, b"<html>"), says(200, {"data": [{"name": 1}]})):
        with _Served(play) as host:
            assert _found(tmp_path, monkeypatch, host) == {}
    assert _found(tmp_path, monkeypatch, "http://127.0.0.1:1") == {}
