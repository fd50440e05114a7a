"""Requests and answers, without a server: a method, a path and a body in, a status and a body out."""

from datetime import date

from shelf.catalogue import Book
from shelf.loans import Loan

Answer = tuple[int, dict[str, object]]


def handle(method: str, path: str, body: dict[str, str], books: dict[str, Book], loans: list[Loan]) -> Answer:
    """Answer one request; a new loan is added to `loans`."""
    if method == "GET" and path == "/books":
        return 200, {"books": sorted(books)}
    if method == "GET" and path.startswith("/books/"):
        return _show(path.removeprefix("/books/"), books)
    if method == "POST" and path == "/loans":
        return _lend(body, books, loans)
    return 404, {"error": "no such page"}


def _show(isbn: str, books: dict[str, Book]) -> Answer:
    book = books.get(isbn)
    if book is None:
        return 404, {"error": "no such book"}
    return 200, {"isbn": book.isbn, "title": book.title, "author": book.author}


def _lend(body: dict[str, str], books: dict[str, Book], loans: list[Loan]) -> Answer:
    loan = Loan(body["isbn"], body["reader"], date.today())
    loans.append(loan)
    return 200, {"isbn": loan.isbn, "reader": loan.reader}
