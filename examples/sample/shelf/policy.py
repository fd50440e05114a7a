"""The library's rules, as numbers."""

LOAN_DAYS = 21
EXTENSIONS_MOST = 2
REMIND_DAYS_BEFORE = 3
