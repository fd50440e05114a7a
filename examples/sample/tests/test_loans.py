"""Who has which book."""

import unittest
from datetime import date
from pathlib import Path

from shelf.loans import Loan, due_day, overdue, read_loans

DATA = Path(__file__).parents[1] / "data"


class Ending(unittest.TestCase):
    """When a loan ends."""

    def test_a_loan_ends_after_three_weeks(self) -> None:
        self.assertEqual(due_day(Loan("1", "Ada", date(2026, 10, 1))), date(2026, 10, 22))

    def test_it_is_overdue_on_the_day_after(self) -> None:
        loans = read_loans("1;Ada;2026-10-01")
        self.assertEqual(overdue(loans, date(2026, 10, 22)), [])
        self.assertEqual(overdue(loans, date(2026, 10, 23)), loans)


class SameLinesAsTheBooks(unittest.TestCase):
    """Loans are written as books are: with comments, and blanks around the fields."""

    def test_comments_and_blanks_are_no_part_of_a_loan(self) -> None:
        text = "# number; reader; since\n\n 1 ; Ada ; 2026-10-01 \n"
        self.assertEqual(read_loans(text), [Loan("1", "Ada", date(2026, 10, 1))])

    def test_the_library_s_own_file_can_be_read(self) -> None:
        loans = read_loans((DATA / "loans.txt").read_text("utf-8"))
        self.assertEqual([loan.reader for loan in loans], ["Ada", "Ben"])
