"""The files that a scorecard's tasks are about. Job: write the same ones each time: Python, of a usual size."""

from __future__ import annotations

from pathlib import Path

FILES = 24
CHANGED = "ledger.py"
"""The file that the tasks change, each in its own overlay; `workload.toml` names it and its first line."""
FIRST_LINE = '"""A ledger of small sums."""\n'


def write_workspace(folder: Path) -> list[str]:
    """Write the files; returns their names. Raises OSError."""
    folder.mkdir(parents=True)
    (folder / CHANGED).write_text(FIRST_LINE + _functions(0, 20), encoding="utf-8")
    names = [CHANGED]
    for number in range(1, FILES):
        name = f"part_{number:02}.py"
        (folder / name).write_text(f'"""Part {number}."""\n' + _functions(number, 10 + number), encoding="utf-8")
        names.append(name)
    return names


def _functions(number: int, count: int) -> str:
    """So many functions with branches, as an analyst has to measure."""
    return "".join(
        f"\n\ndef total_{number}_{one}(rows, limit):\n"
        f'    """Add what is below a limit."""\n'
        f"    found = 0\n"
        f"    for row in rows:\n"
        f"        if row > limit and row % {one + 2}:\n"
        f"            continue\n"
        f"        found += row\n"
        f"    return found\n"
        for one in range(count)
    )
