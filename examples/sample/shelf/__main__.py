"""`python -m shelf`: which loans are overdue today."""

from datetime import date
from pathlib import Path

from shelf.catalogue import read_books
from shelf.loans import due_day, overdue, read_loans

DATA = Path(__file__).parents[1] / "data"


def main() -> None:
    """Print a line for each."""
    books = read_books((DATA / "books.txt").read_text("utf-8"))
    loans = read_loans((DATA / "loans.txt").read_text("utf-8"))
    for loan in overdue(loans, date.today()):
        book = books.get(loan.isbn)
        print(f"{loan.reader}: {book.title if book else loan.isbn}, due {due_day(loan)}")


if __name__ == "__main__":
    main()
