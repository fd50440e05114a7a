"""The books."""

from dataclasses import dataclass

from shelf.records import split_record


@dataclass(frozen=True)
class Book:
    """A book on the shelf, or lent."""

    isbn: str
    title: str
    author: str


def read_books(text: str) -> dict[str, Book]:
    """Read the books, by number."""
    books = {}
    for line in text.splitlines():
        fields = split_record(line)
        if fields:
            isbn, title, author = fields
            books[isbn] = Book(isbn, title, author)
    return books


def find_title(books: dict[str, Book], words: str) -> list[Book]:
    """Find the books whose title contains these words, in any case, by title."""
    found = [book for book in books.values() if words.lower() in book.title.lower()]
    return sorted(found, key=lambda book: book.title)
