"""The documents as tests read them. Job: which there are, and what paths and commands they name. Not its job: judging.

A path is named by a link, or by a code span that looks like one: it begins with a folder of the tree or of the
package, or ends like a source file. Spans with placeholders (<id>, *, {}) are about files of a user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import ezaigents

PACKAGE = Path(ezaigents.__file__).parent
ROOT = Path(__file__).parents[3]
IS_SOURCE_TREE = (ROOT / "src" / "ezaigents").is_dir()
"""False where the tests run beside an installed wheel, with some of the documents only."""

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.][\w./-]*\Z")
_SOURCE_NAME = re.compile(r"\w+\.(?:py|lua)\Z")
_LINE = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*((?:ez|make) .*)$", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file of ours."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *PACKAGE.rglob("README.md")]
    return sorted(found)


def shown(document: Path) -> str:
    """A document's name in a test's id."""
    base = ROOT if document.is_relative_to(ROOT) else PACKAGE.parent
    return document.relative_to(base).as_posix()


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCED.sub("", text)


def named_paths(text: str) -> Iterator[str]:
    """Paths the text names, as they are written."""
    for link in _LINK.findall(prose(text)):
        if "://" not in link and not link.startswith(("#", "mailto:")):
            yield link.partition("#")[0]
    for span in _SPAN.findall(prose(text)):
        if _PATH.match(span) and (_SOURCE_NAME.match(span) or "/" in span):
            yield span


def exists(name: str, document: Path) -> bool:
    """Say whether a named path exists: beside the document, in the tree, in the package, or (a bare name) anywhere.

    One whose first folder is none of these is not about our tree.
    """
    bases = (document.parent, ROOT, PACKAGE)
    if "/" not in name and _SOURCE_NAME.match(name):
        return any(any(base.rglob(name)) for base in (document.parent, PACKAGE, ROOT / "tests", ROOT / "bench"))
    if any((base / name).exists() for base in bases):
        return True
    first = name.split("/", 1)[0]
    is_ours = any((base / first).exists() for base in bases) or name.endswith((".py", ".lua", ".md"))
    return not is_ours


def named_commands(text: str) -> Iterator[list[str]]:
    """Calls of `ez` and `make` in code spans and fenced blocks, as words, without what follows a pipe or a comment."""
    fenced = "\n".join(match.group() for match in _FENCED.finditer(text))
    spans = [span for span in _SPAN.findall(prose(text)) if re.match(r"(?:ez|make) \w", span)]
    for call in [*spans, *_LINE.findall(fenced)]:
        yield re.split(r"\s[|#>&]|;", call)[0].split()
