"""Who has which book, and since when."""

from dataclasses import dataclass
from datetime import date, timedelta

from shelf.policy import LOAN_DAYS


@dataclass(frozen=True)
class Loan:
    """One book with one reader."""

    isbn: str
    reader: str
    since: date


def read_loans(text: str) -> list[Loan]:
    """Read the loans, in the order of the file."""
    loans = []
    for line in text.splitlines():
        if line == "":
            continue
        isbn, reader, since = line.split(";")
        loans.append(Loan(isbn, reader, date.fromisoformat(since)))
    return loans


def due_day(loan: Loan) -> date:
    """The last day on which the reader may have the book."""
    return loan.since + timedelta(days=LOAN_DAYS)


def overdue(loans: list[Loan], today: date) -> list[Loan]:
    """The loans that should have ended before `today`."""
    return [loan for loan in loans if due_day(loan) < today]
