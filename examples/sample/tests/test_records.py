"""Lines of the data files."""

import unittest

from shelf.records import split_record


class Splitting(unittest.TestCase):
    """What a line holds."""

    def test_fields_come_without_blanks(self) -> None:
        self.assertEqual(split_record(" a ;b; c d "), ["a", "b", "c d"])

    def test_comments_and_blank_lines_hold_nothing(self) -> None:
        self.assertEqual([split_record(line) for line in ("", "   ", "# a; b")], [[], [], []])
