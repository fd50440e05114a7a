"""Letters to readers whose loans are about to end."""

from datetime import date, timedelta

LOAN_DAYS = 28
REMIND_DAYS_BEFORE = 3


def reminder_day(since: date) -> date:
    """The day on which the reader of a book lent on `since` is written to."""
    return since + timedelta(days=LOAN_DAYS - REMIND_DAYS_BEFORE)


def reminder(reader: str, title: str, since: date) -> str:
    """The letter."""
    ends = since + timedelta(days=LOAN_DAYS)
    return f"Dear {reader}, please bring back {title!r} by {ends:%d %B %Y}."
