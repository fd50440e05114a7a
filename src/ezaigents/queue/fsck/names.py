"""Every key of a namespace: its sort, its type, whether it may expire. docs/engine-keys.md says the same to people.

Job: tell a key's sort from its name. Not its job: what is in it.
"""

from __future__ import annotations

import msgspec


class Sort(msgspec.Struct, frozen=True):
    """A kind of key. `mortal`: it carries a time to live, of an hour at most."""

    name: str
    type: str
    mortal: bool = False


_SINGLE = {
    sort.name: sort
    for sort in (
        Sort("n", "hash"),
        Sort("seq", "string"),
        Sort("fence", "string"),
        Sort("state", "string"),
        Sort("events", "stream"),
        Sort("waiting", "set"),
        Sort("delayed", "zset"),
        Sort("leased", "zset"),
        Sort("blocked", "zset"),
        Sort("deadline", "zset"),
        Sort("ended", "zset"),
        Sort("dead", "zset"),
        Sort("fanout", "zset"),
        Sort("hosts", "zset"),
        Sort("paused", "hash"),
        Sort("locks", "zset"),
        Sort("wants", "zset", mortal=True),
        Sort("budgets", "zset"),
        Sort("holds", "zset"),
    )
}
_FAMILIES = {
    sort.name: sort
    for sort in (
        Sort("t:", "hash"),
        Sort("run:", "hash"),
        Sort("ready:", "zset"),
        Sort("child:", "set"),
        Sort("waits:", "set"),
        Sort("key:", "string"),
        Sort("claim:", "string", mortal=True),
        Sort("host:", "hash", mortal=True),
        Sort("recent:", "stream", mortal=True),
        Sort("read:", "string", mortal=True),
        Sort("sent:", "string", mortal=True),
        Sort("messages:", "list"),
        Sort("lock:", "hash", mortal=True),
        Sort("want:", "hash", mortal=True),
        Sort("files:", "hash", mortal=True),
        Sort("budget:", "hash"),
        Sort("hold:", "hash"),
        Sort("settled:", "hash", mortal=True),
    )
}
_KEPT_PLAINLY = {"host:": Sort("host:", "hash")}
ALL_SORTS = (*_SINGLE.values(), *_FAMILIES.values())
MORTAL_MOST_MS = 3_600_000


def sort_of(name: str, *, plain: bool = False) -> Sort | None:
    """The sort of a key, by its name without the namespace; None when it is not one of ours.

    `plain`: registrations are kept for ever (setting `storage`).
    """
    before = name[: name.find(":") + 1]
    kept = _KEPT_PLAINLY.get(before) if plain else None
    return kept or _FAMILIES.get(before) or _SINGLE.get(name)
