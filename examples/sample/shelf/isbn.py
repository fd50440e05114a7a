"""Numbers of books: ISBN with 13 digits."""


def is_isbn(text: str) -> bool:
    """Say whether this is the number of a book, with or without hyphens."""
    digits = text.replace("-", "")
    return len(digits) == 13 and digits.isdigit()
