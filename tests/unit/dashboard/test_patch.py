"""A patch as a page shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.dashboard.pages.patch import patch_view, side_by_side, view_patch
from ezaigents.workspace.changes import FileChange, FileState
from ezaigents.workspace.patch import make_patch

_PATCH = """\
diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@ def f():
 one
-two
+2
 three
@@ -10 +10,2 @@
 ten
+eleven
diff --git a/old b/new
similarity index 100%
rename from old
rename to new
"""


def test_lines_have_their_numbers_on_both_sides() -> None:
    """Context counts on both, what was removed on the left, what was added on the right."""
    first, second = patch_view(_PATCH).files
    assert first.name == "a.py"
    assert [(line.sign, line.before, line.after, line.text) for line in first.lines] == [
        ("@", 0, 0, "@@ -1,3 +1,3 @@ def f():"),
        (" ", 1, 1, "one"),
        ("-", 2, 0, "two"),
        ("+", 0, 2, "2"),
        (" ", 3, 3, "three"),
        ("@", 0, 0, "@@ -10 +10,2 @@"),
        (" ", 10, 10, "ten"),
        ("+", 0, 11, "eleven"),
    ]
    assert (second.name, second.lines, second.note) == ("new", [], "rename from old; rename to new")


def test_what_is_no_patch_shows_nothing(tmp_path: Path) -> None:
    """Neither words, nor a file that is gone, nor a link."""
    assert patch_view("hello\n+x\n").files == []
    assert view_patch(tmp_path, "gone.diff").files == []
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert view_patch(tmp_path, "link").files == []


def test_a_long_patch_is_cut(tmp_path: Path) -> None:
    """A page has an end, and says that the patch goes on."""
    lines = "".join(f"+{number}\n" for number in range(20_000))
    text = f"diff --git a/a b/a\n@@ -0,0 +1,20000 @@\n{lines}"
    view = patch_view(text)
    assert len(view.files[0].lines) < 6_000
    assert view.is_cut
    assert not patch_view(text[:500]).is_cut
    (tmp_path / "long.diff").write_text("diff --git a/a b/a\n@@ -0,0 +1 @@\n+" + "x" * 2_000_000)
    assert view_patch(tmp_path, "long.diff").is_cut


@pytest.mark.parametrize(
    "name", ["a.py", "x b/y b/x", "\u00e4 \u00f6.py", 'q"uote.py', "back\\slash", "tab\there", "new\nline"]
)
@pytest.mark.parametrize("after", [b"2\n", None])
def test_names_are_those_of_our_own_patches(name: str, after: bytes | None) -> None:
    """However odd a name is, it is shown as it is: of a file that is changed, and of one that is deleted."""
    states = [FileState("1" * 64, 0o644, 2), FileState("2" * 64, 0o644, 2)]
    change = FileChange(path=name, before=states[0], after=states[1] if after is not None else None)
    patch = make_patch([change], {"1" * 64: b"1\n", "2" * 64: after or b""}.__getitem__).data
    assert [file.name for file in patch_view(patch.decode("utf-8", "backslashreplace")).files] == [name]


def test_both_sides_hold_every_line_once_and_in_order() -> None:
    """A removed line stands beside the added one in its place; what is longer goes on alone."""
    text = "diff --git a/x b/x\n@@ -1,5 +1,4 @@\n a\n-b\n-c\n-d\n+B\n e\n+f\n"
    (file,) = patch_view(text).files
    pairs = [(old.text if old else None, new.text if new else None) for old, new in side_by_side(file.lines)]
    hunk = "@@ -1,5 +1,4 @@"
    assert pairs == [(hunk, hunk), ("a", "a"), ("b", "B"), ("c", None), ("d", None), ("e", "e"), (None, "f")]


def test_what_no_git_would_write_is_shown_all_the_same() -> None:
    """Escapes that are none, numbers without end, and files and notes by the thousand: shown as far as it goes."""
    odd = 'diff --git "a/\\8" "b/\\8"\n@@ -' + "9" * 5000 + " +1 @@\n+x\n"
    assert patch_view(odd).files[0].name == "8"
    many = patch_view("diff --git a/x b/x\n" * 20_000)
    assert many.is_cut
    assert len(many.files) <= 5001
    (noted,) = patch_view("diff --git a/x b/x\n" + "rename to y\n" * 80_000).files
    assert len(noted.note) < 2000
