"""Letters to readers."""

import unittest
from datetime import date

from shelf.policy import REMIND_DAYS_BEFORE
from shelf.reminders import reminder, reminder_day


class Letters(unittest.TestCase):
    """What is written, and when."""

    def test_the_letter_names_reader_and_title(self) -> None:
        text = reminder("Ada", "Maps of Nowhere", date(2026, 10, 1))
        self.assertTrue(text.startswith("Dear Ada, please bring back 'Maps of Nowhere' by "))

    def test_it_is_written_days_before_the_end(self) -> None:
        since = date(2026, 10, 1)
        written = reminder_day(since)
        self.assertGreater(written, since)
        self.assertEqual(REMIND_DAYS_BEFORE, 3)
