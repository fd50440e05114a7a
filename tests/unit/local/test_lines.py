"""Lines, and what kind they are."""

from __future__ import annotations

import pytest

from ezaigents.agents.local.languages import known_suffixes, language_of, name_for_lizard
from ezaigents.agents.local.lines import LINE_MAX_CHARS, LineCounter, LineCutter


def cut(data: bytes, window_bytes: int, codec: str = "utf-8") -> list[str]:
    cutter = LineCutter(codec)
    lines: list[str] = []
    for start in range(0, len(data), window_bytes):
        lines += cutter.feed(data[start : start + window_bytes])
    return lines + list(cutter.finish())


@pytest.mark.parametrize("window_bytes", [1, 3, 1000])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_windows_do_not_change_the_lines(window_bytes: int, codec: str) -> None:
    """Lines are the same wherever the windows end, with either line end, with or without a last one."""
    assert cut("eins\r\nzwö\n\ndrei".encode(codec), window_bytes, codec) == ["eins", "zwö", "", "drei"]
    assert cut("a\n".encode(codec), window_bytes, codec) == ["a"]
    assert cut(b"", window_bytes, codec) == []


def test_long_lines_are_bounded() -> None:
    """One endless line is kept in part only and still counts as one."""
    lines = cut(b"x" * 3_000_000 + b"\nnext\n", 65_536)
    assert [len(line) for line in lines] == [LINE_MAX_CHARS, 4]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", "# c\nx = 1  # no\n\n'''doc'''\n", (2, 1, 1)),
        ("a.js", "// c\n/* a\n b\n*/\nx()\n/* d */ y()\n", (2, 4, 0)),
        ("a.c", '/* one */\nchar *s = "/*";\nint x;\n', (2, 1, 0)),
        ("a.sql", "-- c\nselect 1\n", (1, 1, 0)),
        ("a.html", "<!-- a\n b -->\n<p>\n", (1, 2, 0)),
        ("Makefile", "# c\nall:\n", (1, 1, 0)),
        ("notes.txt", "# not a comment here\n \t\n", (1, 0, 1)),
    ],
)
def test_code_comments_blanks(name: str, text: str, expected: tuple[int, int, int]) -> None:
    """A comment counts as one when it begins its line; a block goes on to its end."""
    counter = LineCounter(language_of(name))
    for line in text.splitlines():
        counter.feed(line)
    assert (counter.code, counter.comments, counter.blanks) == expected


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.PY", "Python"),
        ("x.tsx", "TypeScript"),
        ("x.rs", "Rust"),
        ("d.py/x.go", "Go"),
        ("CMakeLists.txt", "CMake"),
        (".py", "other"),
        ("LICENSE", "other"),
        ("x.unknown", "other"),
    ],
)
def test_language_by_name(path: str, language: str) -> None:
    """The language is told by the file's name, not by its folder's."""
    assert language_of(path).name == language


@pytest.mark.parametrize("suffix", known_suffixes())
def test_lizard_knows_each_language_with_functions(suffix: str) -> None:
    """No file is measured by a reader for another language, whatever its name is besides."""
    from lizard import get_reader_for

    path = f"odd\n@name.{suffix.upper()}"
    if language_of(path).has_functions:
        assert get_reader_for(name_for_lizard(path)) is not None
