"""The database of what came from an old system (legacy), as it was at one moment. Job: a copy that is whole.

It is copied by SQLite's own means, beside whoever writes to it, and before the engine's state is taken: so it may not
know yet of a task that the engine has, which is found again by its key, and never knows of one that the engine has not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from ezaigents.errors import ConfigError

DATABASE = "legacy/manifest.sqlite"


def is_of_database(name: str) -> bool:
    """Whether an entry of the data folder is the database, or SQLite's own beside it."""
    return name.startswith(DATABASE)


@contextmanager
def database_at_moment(home: Path) -> Iterator[IO[bytes] | None]:
    """An open copy, gone afterwards; None where nothing ever came from an old system. Raises ConfigError."""
    path = home / DATABASE
    if not path.is_file():
        yield None
        return
    import sqlite3

    with tempfile.NamedTemporaryFile(prefix=".legacy-", suffix=".part", dir=home) as copy:
        try:
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database,
                closing(sqlite3.connect(copy.name)) as other,
            ):
                database.backup(other, pages=-1)
        except sqlite3.Error as error:
            raise ConfigError(
                f"{DATABASE} in the data folder cannot be read ({error}); a backup without it would not be whole: "
                "mend it, or remove it: then what was imported is known only while its tasks are in the engine"
            ) from error
        with Path(copy.name).open("rb", buffering=0) as whole:
            yield whole
