"""What can be a command, and how a line of text becomes one."""

from __future__ import annotations

import pytest

from ezaigents.errors import InputError
from ezaigents.sandbox import ARGV_MOST_BYTES, check_argv, parse_command
from ezaigents.sandbox.command import check_environ, check_folder


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("make test", ("make", "test")),
        ("pytest -k 'a or b' \"tests/my file.py\"", ("pytest", "-k", "a or b", "tests/my file.py")),
        (r"grep a\;b 'x|y' \"", ("grep", "a;b", "x|y", '"')),
        ('echo "a; b > c & d" \'$(id) `id`\'', ("echo", "a; b > c & d", "$(id) `id`")),
        ("  true\n", ("true",)),
        ("echo $HOME *.py ~", ("echo", "$HOME", "*.py", "~")),
    ],
)  # fmt: skip
def test_a_line_is_split_as_a_shell_would(text: str, argv: tuple[str, ...]) -> None:
    """Quotes and backslashes count; nothing is expanded."""
    assert parse_command(text) == argv


@pytest.mark.parametrize(
    "text",
    ["a; b", "a | b", "a && b", "a & b", "a > f", "a < f", "a >> f", "echo $(id)", "echo `id`", 'echo "$(id)"',
     'echo "`id`"', "a\nb", 'a "b" ; c', "a 2>&1"],
)  # fmt: skip
def test_what_needs_a_shell_is_refused_with_a_way_out(text: str) -> None:
    """An operator is never handed on as an argument by mistake."""
    with pytest.raises(InputError, match=r"no shell.*script"):
        parse_command(text)


@pytest.mark.parametrize("text", ["", "  ", "'open", '"open', "''"])
def test_a_line_that_names_no_program_is_refused(text: str) -> None:
    """There is something to run, or an error."""
    with pytest.raises(InputError):
        parse_command(text)


@pytest.mark.parametrize(
    "argv",
    [[], [""], ["a\0b"], ["a", "b\0"], ["a", "\ud800"], ["x" * ARGV_MOST_BYTES], ["a"] * ARGV_MOST_BYTES],
)
def test_an_argv_that_no_system_takes_is_refused(argv: list[str]) -> None:
    """Empty, NUL, what no byte stands for, and more than 64 KiB in all."""
    with pytest.raises(InputError):
        check_argv(argv)


def test_a_word_is_no_list_of_words() -> None:
    """A string would be taken for a list of its letters."""
    with pytest.raises(InputError, match="list of words"):
        check_argv("ls")


def test_the_largest_argv_is_taken() -> None:
    """The limit itself is allowed, and any bytes that a file name can hold."""
    check_argv(["x" * (ARGV_MOST_BYTES - 1)])
    check_argv(["ls", "caf\udce9"])


@pytest.mark.parametrize("cwd", ["/etc", "..", "a/../../b", "a\0b"])
def test_a_folder_outside_is_refused(cwd: str) -> None:
    """A command begins in the working copy or beneath it."""
    with pytest.raises(InputError):
        check_folder(cwd)


@pytest.mark.parametrize("environ", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}, {"1A": ""}])
def test_a_variable_that_cannot_be_is_refused(environ: dict[str, str]) -> None:
    """Names and values are what an environment can hold."""
    with pytest.raises(InputError):
        check_environ(environ)
