"""Names of keys and channels: one function each, documented, and the same in the scripts."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import ezaigents
from ezaigents.queue import Keys
from ezaigents.queue.fsck.names import ALL_SORTS, sort_of

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs" / "engine-keys.md").read_text()
_ROOMS = ("queue", "team", "budget")
"""Those of legacy run on the old system's server."""
_SCRIPTS = sorted(path for room in _ROOMS for path in Path(ezaigents.__file__).parent.glob(f"{room}/lua/*.lua"))
_METHODS = [name for name, _ in inspect.getmembers(Keys, inspect.isfunction) if not name.startswith("_")]
_CHANNELS = {"wake:", "ctl:", "mail:", "said:", "unlocked"}


def _name(method: str) -> str:
    """What a method names, without the namespace, its argument as `<>`."""
    function = getattr(Keys("x"), method)
    text: str = function(*["<>"] * len(inspect.signature(function).parameters))
    assert text.startswith("{ez:x}:")
    return text[len("{ez:x}:") :]


@pytest.mark.parametrize("method", _METHODS)
def test_each_function_of_keys_is_documented(method: str) -> None:
    """docs/engine-keys.md has a row for every key and channel."""
    row = re.escape(_name(method)).replace("<>", "<[^>]+>")
    assert re.search(rf"^\| `{row}` \|", _PAGE, re.MULTILINE), f"no row for {_name(method)}"


def test_each_documented_key_has_a_function() -> None:
    """The page names no key and no channel that keys.py does not."""
    tables = _PAGE.split("## Fields of", 1)[0]
    documented = {re.sub("<[^>]+>", "<>", name) for name in re.findall(r"^\| `([^`]+)` \|", tables, re.MULTILINE)}
    assert documented == {_name(method) for method in _METHODS}


@pytest.mark.parametrize("path", _SCRIPTS, ids=lambda path: path.stem)
def test_scripts_name_only_known_keys(path: Path) -> None:
    """Every literal key in Lua is one that keys.py has a function for."""
    named = set(re.findall(r"P \.\. '([^']+)'", path.read_text()))
    known = {_name(method).removesuffix("<>") for method in _METHODS}
    assert named <= known


@pytest.mark.parametrize("path", _SCRIPTS, ids=lambda path: path.stem)
def test_scripts_say_how_they_behave_when_memory_is_full(path: Path) -> None:
    """Each script has the #!lua header; those that add work, and only they, are refused by a full engine."""
    first = path.read_text().split("\n", 1)[0]
    if path.name == "_prelude.lua":
        assert not first.startswith("#!")
    elif path.stem in ("submit", "revive", "send", "reserve"):
        assert first == "#!lua"
    else:
        assert first in ("#!lua flags=allow-oom", "#!lua flags=no-writes")


def test_each_key_has_a_sort() -> None:
    """fsck knows the sort of everything that keys.py names, channels apart, and of nothing else."""
    names = {_name(method) for method in _METHODS if _name(method).removesuffix("<>") not in _CHANNELS}
    assert {name.removesuffix("<>") for name in names} == {sort.name for sort in ALL_SORTS}
    for name in names:
        sort = sort_of(name.replace("<>", "a:b c"))
        assert sort is not None
        assert sort.name == name.removesuffix("<>")


@pytest.mark.parametrize("name", ["", "x", "nn", "t", "tt:1", "ready", "waiting:x", ":", "key"])
def test_other_names_have_none(name: str) -> None:
    """A name that is almost one of ours is not ours."""
    assert sort_of(name) is None


def test_namespaces_do_not_meet() -> None:
    """Two namespaces share no key, and each has its own hash tag."""
    first, second = Keys("a"), Keys("a}:b")
    assert {getattr(first, m)("x") if _takes(m) else getattr(first, m)() for m in _METHODS}.isdisjoint(
        {getattr(second, m)("x") if _takes(m) else getattr(second, m)() for m in _METHODS}
    )


def _takes(method: str) -> int:
    return len(inspect.signature(getattr(Keys, method)).parameters) - 1
