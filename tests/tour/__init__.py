"""Written to be read first: one feature a file, as a user meets it."""
