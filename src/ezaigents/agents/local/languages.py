"""Which language a file is in, and how its comments look. Job: a table by file name. Not its job: parsing."""

from __future__ import annotations

import msgspec


class Language(msgspec.Struct, frozen=True):
    """`line_marks`: what begins a comment to the line's end. `block`: what opens and closes one, "" = none.

    `has_functions`: lizard can take it apart.
    """

    name: str
    line_marks: tuple[str, ...] = ()
    block: tuple[str, str] = ("", "")
    has_functions: bool = False


OTHER = Language("other")
_C_BLOCK = ("/*", "*/")
_XML_BLOCK = ("<!--", "-->")


def _c_like(name: str) -> Language:
    return Language(name, ("//",), _C_BLOCK, has_functions=True)


def _hashed(name: str, *, has_functions: bool = False) -> Language:
    return Language(name, ("#",), has_functions=has_functions)


_BY_SUFFIX: dict[str, Language] = {
    suffix: language
    for language, suffixes in (
        (_hashed("Python", has_functions=True), "py pyi pyw"),
        (_c_like("JavaScript"), "js mjs cjs jsx"),
        (_c_like("TypeScript"), "ts mts cts tsx"),
        (_c_like("Java"), "java"),
        (_c_like("Kotlin"), "kt kts"),
        (_c_like("Scala"), "scala"),
        (_c_like("C"), "c h"),
        (_c_like("C++"), "cc cpp cxx hh hpp hxx"),
        (_c_like("C#"), "cs"),
        (_c_like("Objective-C"), "m mm"),
        (_c_like("Go"), "go"),
        (_c_like("Rust"), "rs"),
        (_c_like("Swift"), "swift"),
        (Language("PHP", ("//", "#"), _C_BLOCK, has_functions=True), "php"),
        (_hashed("Ruby", has_functions=True), "rb"),
        (Language("Lua", ("--",), ("--[[", "]]"), has_functions=True), "lua"),
        (_c_like("Solidity"), "sol"),
        (_c_like("Zig"), "zig"),
        (_hashed("R", has_functions=True), "r"),
        (_hashed("Perl", has_functions=True), "pl pm"),
        (Language("Vue", ("//",), _XML_BLOCK, has_functions=True), "vue"),
        (_hashed("Shell"), "sh bash zsh fish"),
        (Language("SQL", ("--",), _C_BLOCK), "sql"),
        (Language("CSS", (), _C_BLOCK), "css"),
        (Language("SCSS", ("//",), _C_BLOCK), "scss less"),
        (Language("HTML", (), _XML_BLOCK), "html htm xhtml"),
        (Language("XML", (), _XML_BLOCK), "xml svg xsd xsl"),
        (Language("Markdown", (), _XML_BLOCK), "md markdown"),
        (Language("reStructuredText"), "rst"),
        (Language("JSON"), "json jsonl ndjson"),
        (_hashed("YAML"), "yml yaml"),
        (_hashed("TOML"), "toml"),
        (Language("INI", ("#", ";")), "ini cfg conf"),
        (_hashed("Make"), "mk"),
        (_hashed("CMake"), "cmake"),
        (Language("Text"), "txt log"),
        (Language("CSV"), "csv tsv"),
    )
    for suffix in suffixes.split()
}
_BY_NAME: dict[str, Language] = {
    "makefile": _hashed("Make"),
    "gnumakefile": _hashed("Make"),
    "dockerfile": _hashed("Dockerfile"),
    "containerfile": _hashed("Dockerfile"),
    "cmakelists.txt": _hashed("CMake"),
    "gemfile": _hashed("Ruby"),
    "rakefile": _hashed("Ruby"),
}
# Suffixes that lizard does not know, and would read as C.
_SAME_AS = {"pyi": "py", "pyw": "py", "mts": "ts", "cts": "ts", "hxx": "hpp"}


def known_suffixes() -> list[str]:
    """List the suffixes of the table, without their dot."""
    return sorted(_BY_SUFFIX)


def name_for_lizard(path: str) -> str:
    """Name a file so that lizard chooses the right reader: by the suffix alone, as odd names mislead it."""
    suffix = path.rpartition(".")[2].lower()
    return f"file.{_SAME_AS.get(suffix, suffix)}"


def language_of(path: str) -> Language:
    """Name the language by the file's name; OTHER when it is not in the table."""
    name = path.rpartition("/")[2].lower()
    by_name = _BY_NAME.get(name)
    if by_name is not None:
        return by_name
    stem, dot, suffix = name.rpartition(".")
    return _BY_SUFFIX.get(suffix, OTHER) if dot and stem else OTHER
