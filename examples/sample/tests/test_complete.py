"""Nothing is left without tests."""

import unittest
from pathlib import Path

ROOT = Path(__file__).parents[1]


class EveryModuleIsTested(unittest.TestCase):
    """Each module has a file of tests of its own, with tests in it."""

    def test_each_module_has_tests(self) -> None:
        names = [path.stem for path in (ROOT / "shelf").glob("*.py") if not path.stem.startswith("__")]
        files = [ROOT / "tests" / f"test_{name}.py" for name in sorted(names)]
        missing = [path.name for path in files if not path.exists() or "def test_" not in path.read_text("utf-8")]
        self.assertEqual(missing, [])
