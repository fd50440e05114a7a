"""Names that are never written."""

from __future__ import annotations

import os

import pytest

from ezaigents.workspace import is_protected

RESERVED = [
    ".git",
    ".git/config",
    ".git/hooks/pre-commit",
    "vendor/lib/.git/hooks/post-checkout",
    ".GIT/config",
    ".Git",
    "sub/.giT/HEAD",
    ".git./config",
    ".git /config",
    ".git . ./x",
    "git~1/config",
    "GIT~1",
    ".git::$INDEX_ALLOCATION/config",
    ".git:stream",
    ".git\\config",
    ".g\u200cit/config",
    "\u200d.git\ufeff",
    ".gi\u202et/config",
    ".\u206fgit",
    ".gitattributes",
    "docs/.gitattributes",
    ".GITATTRIBUTES",
    "gitatt~1",
    "GI7D29~3",
    ".gitmodules",
    ".gitmodules ",
    ".gitmodule\u017f",
    ".gitmo\u200edules",
    "gitmod~4",
    "gi7eba~2",
    "ezaigents.toml",
    "sub/Ezaigents.TOML",
    "EZAIGE~1.TOM",
    ".ezaigents",
    ".ezaigents/agents/x.toml",
    "deep/.EzAigents./policy",
]
MALFORMED = [
    "",
    "/etc/passwd",
    "../x",
    "a/../b",
    "./a",
    "a/.",
    "a//b",
    "a/",
    "..",
    "a\0b",
    "new\nline",
    "a\x1b[2Jb",
    "a\x7f",
    "a\x85b",
    "x" * 256,
    "ü" * 128,
    "/".join(["x" * 99] * 41),
    "half\ud800",
]
FREE = [
    "a",
    "src/app.py",
    "~",
    "~/x",
    "%2e%2e/x",
    "back\\slash",
    ".gitignore",
    ".github/workflows/ci.yml",
    ".gitkeep",
    "git",
    "git~",
    "gitx~1",
    "a.git",
    "foo.git/config",
    "ezaigents.toml.md",
    "ezaigents",
    "...",
    "..a",
    "-rf",
    "a:b",
    "ü",
    "u\u0308",
    os.fsdecode(b"\xff\xfe"),
    "x" * 255,
    "/".join(["x" * 99] * 40),
]


@pytest.mark.parametrize("path", RESERVED)
def test_reserved_whether_there_or_not(path: str) -> None:
    """What git or the fleet obeys is reserved in any folder and in all spellings a file system may fold."""
    assert "holds" in is_protected(path)


@pytest.mark.parametrize("path", MALFORMED)
def test_names_no_file_should_have(path: str) -> None:
    """What could not be a file's name, or would deceive whoever reads it, is refused with a reason."""
    assert is_protected(path)


@pytest.mark.parametrize("path", FREE)
def test_all_else_is_just_a_name(path: str) -> None:
    """Names are not decoded, expanded or taken for more than they are."""
    assert is_protected(path) == ""
