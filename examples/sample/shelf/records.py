"""Lines of the data files: fields between semicolons, comments behind `#`."""


def split_record(line: str) -> list[str]:
    """Split a line into its fields, without the blanks around them; none for a blank line or a comment."""
    text = line.strip()
    if not text or text.startswith("#"):
        return []
    return [field.strip() for field in text.split(";")]
