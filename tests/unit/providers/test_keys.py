"""Keys: where they come from, whose turn it is, which rest; and that nothing of one is ever seen."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path

import msgspec
import pytest

from ezaigents.clock import ManualClock
from ezaigents.errors import InputError
from ezaigents.providers import KeyPool, Secret, forget_keys, load_catalogue, write_keys
from ezaigents.settings import Settings

_CANARY = "sk-canary-do-not-show-0123456789"
_NEVER = float("inf")


class Place:
    """A pool over a folder of key files and an environment that can be chosen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "keys"
        self.clock = ManualClock()
        self._providers = load_catalogue(Settings(workspace=str(folder), config_home=str(folder)), {}).providers

    def pool(self, *, simulated: bool = False, **environ: str) -> KeyPool:
        return KeyPool(self._providers, self.folder, environ, self.clock, simulated=simulated)

    def file(self, provider: str, *keys: str) -> Path:
        path = self.folder / provider
        write_keys(path, keys)
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _turns(pool: KeyPool, provider: str, count: int) -> list[int]:
    return [key.number for _ in range(count) if (key := pool.choose(provider))]


def _value(pool: KeyPool, provider: str) -> str:
    key = pool.choose(provider)
    assert key is not None
    return key.secret.reveal()


def test_keys_come_from_variables_then_the_file(place: Place) -> None:
    """All variables of a provider, each a list, then its file; the same key twice is one."""
    place.file("gemini", "file-key-1", "key-b")
    pool = place.pool(GEMINI_API_KEY=" key-a, key-b,", GOOGLE_API_KEY="key-c")
    assert _turns(pool, "gemini", 5) == [1, 2, 3, 4, 1]
    [row] = [row for row in pool.describe() if row.provider == "gemini"]
    assert (row.count, row.sources, row.health) == (
        4, ("environment GEMINI_API_KEY", "environment GOOGLE_API_KEY", "file"), "ready",
    )  # fmt: skip


def test_what_is_no_key_in_a_variable_is_told(place: Place) -> None:
    """A variable that holds words, or an answer of a program, gives no key; its name is told and not what it holds."""
    for held in ("two words canary", "canary\r\nx: y", "ключ-canary"):
        pool = place.pool(OPENAI_API_KEY=held)
        assert pool.choose("openai") is None
        assert pool.why_none("openai") == "environment OPENAI_API_KEY holds what is no key; set it anew"
    assert _value(place.pool(OPENAI_API_KEY="two words,key-a"), "openai") == "key-a"


def test_the_key_of_one_provider_is_not_another_s(place: Place) -> None:
    """No provider is ever given a key that is not its own."""
    pool = place.pool(OPENAI_API_KEY=_CANARY)
    assert pool.choose("anthropic") is None
    assert "set ANTHROPIC_API_KEY or type `ez keys set anthropic`" in pool.why_none("anthropic")
    assert pool.wait_s("anthropic") == _NEVER


def test_a_key_that_rests_is_passed_over(place: Place) -> None:
    """The others take its turns; when all rest the wait is that of the first to wake."""
    pool = place.pool(OPENAI_API_KEY="key-a,key-b")
    first, second = pool.choose("openai"), pool.choose("openai")
    assert first
    assert second
    pool.rest(first, 10)
    assert _turns(pool, "openai", 3) == [2, 2, 2]
    pool.rest(second, 4)
    assert pool.choose("openai") is None
    assert pool.wait_s("openai") == 4
    assert pool.why_none("openai") == ""
    place.clock.advance(4)
    assert _turns(pool, "openai", 2) == [2, 2]
    assert first.strikes == 1
    pool.worked(first)
    assert first.strikes == 0


def test_a_refused_key_is_not_used_again(place: Place) -> None:
    """A key the provider does not know is dropped; with the last one there is a reason that says what to type."""
    pool = place.pool(OPENAI_API_KEY="key-a,key-b")
    for left in (1, 0):
        key = pool.choose("openai")
        assert key
        pool.refuse(key)
        assert bool(pool.choose("openai")) is bool(left)
    assert "openai refused all its keys" in pool.why_none("openai")
    assert pool.describe()[1].health == "2 refused"


def test_a_new_key_is_taken_up_at_once(place: Place) -> None:
    """A file that appears, changes or goes counts at the next choice; what was refused before may be right now."""
    pool = place.pool()
    assert pool.choose("openai") is None
    place.file("openai", "key-a")
    assert _value(pool, "openai") == "key-a"
    key = pool.choose("openai")
    assert key
    pool.refuse(key)
    assert pool.choose("openai") is None
    before = pool.generation("openai")
    path = place.file("openai", "key-b", "key-a")
    assert pool.generation("openai") > before
    assert {_value(pool, "openai"), _value(pool, "openai")} == {"key-a", "key-b"}
    forget_keys(path)
    assert pool.choose("openai") is None


def test_a_key_that_stays_keeps_its_rest(place: Place) -> None:
    """Adding a key does not wake one that the provider limits."""
    place.file("openai", "key-a")
    pool = place.pool()
    key = pool.choose("openai")
    assert key
    pool.rest(key, 60)
    place.file("openai", "key-a", "key-b")
    assert _turns(pool, "openai", 3) == [2, 2, 2]


def test_a_change_of_the_same_size_is_seen(place: Place) -> None:
    """Another key of the same length, written at the same moment by the clock, is another file."""
    path = place.file("openai", "key-a")
    pool = place.pool()
    times = path.stat()
    assert _value(pool, "openai") == "key-a"
    place.file("openai", "key-b")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert _value(pool, "openai") == "key-b"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_can_read_is_not_used(place: Place, mode: int) -> None:
    """The reason names the file and the command that mends it, and no key; mended it works."""
    path = place.file("openai", _CANARY)
    path.chmod(mode)
    pool = place.pool()
    assert pool.choose("openai") is None
    assert f"chmod 600 {path}" in pool.why_none("openai")
    assert _CANARY not in pool.why_none("openai")
    path.chmod(0o600)
    assert _value(pool, "openai") == _CANARY


def test_what_is_no_plain_file_is_not_used(place: Place, tmp_path: Path) -> None:
    """A link, a folder and a pipe are told, and none of them blocks."""
    target = tmp_path / "target"
    target.write_text("key-a\n")
    target.chmod(0o600)
    place.folder.mkdir()
    (place.folder / "openai").symlink_to(target)
    (place.folder / "mistral").mkdir()
    os.mkfifo(place.folder / "xai", 0o600)
    pool = place.pool()
    for provider in ("openai", "mistral", "xai"):
        assert pool.choose(provider) is None
        assert str(place.folder / provider) in pool.why_none(provider)


@pytest.mark.parametrize("held", [b"\xff\xfe", b"two words", b"key-a\0", b"k" * 5000 + b"\n" * 300_000, b"a\n" * 65])
def test_a_file_that_holds_no_keys_is_told(place: Place, held: bytes) -> None:
    """What could not be sent in a header is no key; nothing of it is shown."""
    path = place.file("openai", "key-a")
    path.write_bytes(held)
    pool = place.pool()
    assert pool.choose("openai") is None
    assert "ez keys set openai" in pool.why_none("openai")


def test_comments_and_blank_lines_are_left_out(place: Place) -> None:
    """A file may be written by hand."""
    path = place.file("openai", "key-a")
    path.write_text("# mine\n\n  key-b  \n")
    assert _value(place.pool(), "openai") == "key-b"


@pytest.mark.parametrize("keys", [(), ("",), ("two words",), ("a\r\nx: y",), ("ключ",), ("k" * 5000,), ("k",) * 65])
def test_what_is_no_key_is_not_written(place: Place, keys: tuple[str, ...]) -> None:
    """It is refused, the file stays as it was, and the refusal does not repeat it."""
    path = place.file("openai", "key-a")
    with pytest.raises(InputError) as caught:
        write_keys(path, keys)
    assert "words" not in str(caught.value)
    assert path.read_text() == "key-a\n"


def test_written_for_the_owner_alone(place: Place) -> None:
    """The file has mode 0600, its folder 0700, whatever they had before; no draft is left."""
    place.folder.mkdir(mode=0o755)
    path = place.file("openai", "key-a")
    assert path.stat().st_mode & 0o777 == 0o600
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert list(place.folder.iterdir()) == [path]


def test_a_local_provider_needs_no_key(place: Place) -> None:
    """Without a key it can be asked, and there is nothing to wait for; with one it is used."""
    pool = place.pool()
    assert pool.choose("ollama") is None
    assert pool.why_none("ollama") == ""
    assert _value(place.pool(VLLM_API_KEY="key-a"), "vllm") == "key-a"


def test_the_simulator_is_given_no_real_key(place: Place) -> None:
    """Where models are simulated every key is a word, whatever the environment and the files hold."""
    place.file("openai", _CANARY)
    pool = place.pool(simulated=True, ANTHROPIC_API_KEY=_CANARY)
    for provider in ("openai", "anthropic", "mistral", "ollama"):
        assert _value(pool, provider) == "simulated"
    assert list(pool.secrets()) == []


def test_a_secret_shows_nothing(place: Place) -> None:
    """Neither words, formats, JSON, pickles nor copies hold a key; nor does anything around it."""
    secret = Secret(_CANARY)
    pool = place.pool(OPENAI_API_KEY=_CANARY)
    shown = [repr(secret), str(secret), f"{secret:>40}", "%s %r" % (secret, secret), repr([secret]), repr(pool)]  # noqa: UP031
    shown += [repr(pool.choose("openai")), repr(pool.describe()), json.dumps(msgspec.to_builtins(pool.describe()))]
    assert not any("canary" in text for text in shown)
    for write in (pickle.dumps, copy.deepcopy, msgspec.json.encode, msgspec.msgpack.encode, json.dumps):
        with pytest.raises(TypeError):
            write(secret)
    assert secret == Secret(_CANARY)
