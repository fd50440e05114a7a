"""Requests and answers."""

import unittest

from shelf.api import handle
from shelf.catalogue import Book
from shelf.loans import Loan

BOOKS = {"1": Book("1", "Maps of Nowhere", "T. Ferrante")}


class Reading(unittest.TestCase):
    """Questions change nothing."""

    def test_books_are_listed(self) -> None:
        self.assertEqual(handle("GET", "/books", {}, BOOKS, []), (200, {"books": ["1"]}))

    def test_a_book_is_shown(self) -> None:
        status, body = handle("GET", "/books/1", {}, BOOKS, [])
        self.assertEqual((status, body["title"]), (200, "Maps of Nowhere"))

    def test_what_is_not_there_is_not_found(self) -> None:
        self.assertEqual([handle("GET", path, {}, BOOKS, [])[0] for path in ("/books/2", "/cats")], [404, 404])


class Lending(unittest.TestCase):
    """A loan is made once, of a book that is there, by somebody."""

    def setUp(self) -> None:
        self.loans: list[Loan] = []

    def lend(self, **body: str) -> int:
        return handle("POST", "/loans", body, BOOKS, self.loans)[0]

    def test_a_new_loan_is_created(self) -> None:
        self.assertEqual(self.lend(isbn="1", reader="Ada"), 201)
        self.assertEqual([loan.reader for loan in self.loans], ["Ada"])

    def test_a_book_that_is_out_cannot_be_lent_again(self) -> None:
        self.assertEqual([self.lend(isbn="1", reader=name) for name in ("Ada", "Ben")], [201, 409])
        self.assertEqual(len(self.loans), 1)

    def test_a_book_that_is_not_there_cannot_be_lent(self) -> None:
        self.assertEqual(self.lend(isbn="2", reader="Ada"), 404)
        self.assertEqual(self.loans, [])

    def test_a_request_that_lacks_something_is_refused(self) -> None:
        self.assertEqual([self.lend(isbn="1"), self.lend(reader="Ada"), self.lend(isbn="1", reader=" ")], [400] * 3)
