"""The library's rules are the same everywhere."""

import re
import unittest
from datetime import date
from pathlib import Path

from shelf import policy, reminders
from shelf.loans import Loan, due_day

RULES = Path(__file__).parents[1] / "docs" / "rules.md"


class Numbers(unittest.TestCase):
    """The rules themselves."""

    def test_a_reminder_comes_before_the_end(self) -> None:
        self.assertLess(policy.REMIND_DAYS_BEFORE, policy.LOAN_DAYS)


class OneLoanTime(unittest.TestCase):
    """How long a book may be kept is said in one place, and everybody says the same."""

    def test_the_letter_names_the_day_on_which_the_loan_ends(self) -> None:
        ends = due_day(Loan("1", "Ada", date(2026, 10, 1)))
        self.assertIn(f"{ends:%d %B %Y}", reminders.reminder("Ada", "Maps of Nowhere", date(2026, 10, 1)))

    def test_readers_are_told_the_same(self) -> None:
        days = re.findall(r"keep a book for (\d+) days", RULES.read_text("utf-8"))
        self.assertEqual(days, [str(policy.LOAN_DAYS)])
