"""The books."""

import unittest

from shelf.catalogue import Book, find_title, read_books

TEXT = """# number; title; author
1; Maps of Nowhere; T. Ferrante

2; Bread for Beginners; M. Okafor
"""


class Reading(unittest.TestCase):
    """Books from a file."""

    def test_each_line_is_a_book(self) -> None:
        self.assertEqual(list(read_books(TEXT)), ["1", "2"])
        self.assertEqual(read_books(TEXT)["1"], Book("1", "Maps of Nowhere", "T. Ferrante"))


class Finding(unittest.TestCase):
    """Books by their title."""

    def test_case_does_not_matter(self) -> None:
        self.assertEqual([book.isbn for book in find_title(read_books(TEXT), "bread")], ["2"])

    def test_found_books_are_in_order(self) -> None:
        self.assertEqual([book.isbn for book in find_title(read_books(TEXT), "e")], ["2", "1"])
