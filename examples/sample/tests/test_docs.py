"""The reference is whole."""

import importlib
import inspect
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[1]


class EveryFunctionIsDocumented(unittest.TestCase):
    """Each public function has a line in docs/reference.md."""

    def test_the_reference_names_each_function(self) -> None:
        reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
        missing = [name for name in sorted(_public()) if f"`{name}`" not in reference]
        self.assertEqual(missing, [])


def _public() -> set[str]:
    """`module.function`, for all that are defined here and do not begin with `_`."""
    found = set()
    for path in (ROOT / "shelf").glob("[!_]*.py"):
        module = importlib.import_module(f"shelf.{path.stem}")
        own = inspect.getmembers(module, lambda value: inspect.isfunction(value) and value.__module__ == module.__name__)
        found |= {f"{path.stem}.{name}" for name, _ in own if not name.startswith("_")}
    return found
