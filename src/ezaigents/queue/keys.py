"""One function per key in the engine. Job: names. docs/engine-keys.md has each key's type, writer and life.

Every key and channel of a namespace begins with the same hash tag, so all of it lives in one cluster slot.
The scripts build the same names from KEYS[1], which is always `counters`; tests compare the two.
"""

from __future__ import annotations


class Keys:
    """The names of one namespace."""

    __slots__ = ("prefix",)

    def __init__(self, namespace: str) -> None:
        self.prefix = f"{{ez:{namespace}}}:"

    def counters(self) -> str:
        """Hash: accepted, purged, and one count per state."""
        return f"{self.prefix}n"

    def task(self, task_id: str) -> str:
        """Hash: the truth about a task."""
        return f"{self.prefix}t:{task_id}"

    def run(self, run_id: str) -> str:
        """Hash: prompt, options and counts of a run."""
        return f"{self.prefix}run:{run_id}"

    def ready(self, lane: str) -> str:
        """Zset: ids ready in a lane, by rank and sequence."""
        return f"{self.prefix}ready:{lane}"

    def waiting(self) -> str:
        """Set: lanes whose `ready` is not empty."""
        return f"{self.prefix}waiting"

    def delayed(self) -> str:
        """Zset: ids by due time."""
        return f"{self.prefix}delayed"

    def leased(self) -> str:
        """Zset: ids by end of lease."""
        return f"{self.prefix}leased"

    def blocked(self) -> str:
        """Zset: ids by acceptance."""
        return f"{self.prefix}blocked"

    def deadlines(self) -> str:
        """Zset: open ids that have a deadline, by it."""
        return f"{self.prefix}deadline"

    def ended(self) -> str:
        """Zset: ids done, cancelled or skipped, by end time."""
        return f"{self.prefix}ended"

    def dead(self) -> str:
        """Zset: ids dead, by end time; only an operator removes one."""
        return f"{self.prefix}dead"

    def fanout(self) -> str:
        """Zset: ended ids whose children are still to be told, by end time."""
        return f"{self.prefix}fanout"

    def children(self, task_id: str) -> str:
        """Set: ids to be told when this task ends."""
        return f"{self.prefix}child:{task_id}"

    def waiters(self, task_id: str) -> str:
        """Set: ids to be told only when this task is done (`wait`)."""
        return f"{self.prefix}waits:{task_id}"

    def claim(self, host: str) -> str:
        """String: nonce and answer of a host's last claim, for its repetition; gone after one lease."""
        return f"{self.prefix}claim:{host}"

    def idempotency(self, key: str) -> str:
        """String: id and body hash of the task submitted under this key."""
        return f"{self.prefix}key:{key}"

    def sequence(self) -> str:
        """String: the last sequence number given out."""
        return f"{self.prefix}seq"

    def fence(self) -> str:
        """String: the highest fence given out."""
        return f"{self.prefix}fence"

    def state(self) -> str:
        """String: the version of what the namespace holds (home.py), while it is restored with a word behind it."""
        return f"{self.prefix}state"

    def events(self) -> str:
        """Stream: state changes, capped."""
        return f"{self.prefix}events"

    def host(self, name: str) -> str:
        """Hash: a host's card and what ails it; gone one hour after its last sign of life."""
        return f"{self.prefix}host:{name}"

    def hosts(self) -> str:
        """Zset: host names by last sign of life."""
        return f"{self.prefix}hosts"

    def paused(self) -> str:
        """Hash: agents that take no tasks, `*` for all of them, and since when."""
        return f"{self.prefix}paused"

    def mailbox(self, agent: str) -> str:
        """Stream: the messages to an agent, of the last hour."""
        return f"{self.prefix}recent:{agent}"

    def mail_read(self, agent: str) -> str:
        """String: the last message of its mailbox that an agent has taken."""
        return f"{self.prefix}read:{agent}"

    def mail_sent(self, sender: str) -> str:
        """String: nonce and answer of a sender's last batch of messages, for its repetition."""
        return f"{self.prefix}sent:{sender}"

    def plain_mail(self, agent: str) -> str:
        """List: every message to an agent for ever, where `storage` is plain."""
        return f"{self.prefix}messages:{agent}"

    def lock(self, name: str) -> str:
        """Hash: a file lease, by the hash of its pattern; gone when it ends."""
        return f"{self.prefix}lock:{name}"

    def locks(self) -> str:
        """Zset: names of file leases by their end."""
        return f"{self.prefix}locks"

    def want(self, ticket: str) -> str:
        """Hash: somebody who waits for file leases; gone at the deadline of the wait."""
        return f"{self.prefix}want:{ticket}"

    def wants(self) -> str:
        """Zset: tickets of those who wait for file leases, first come first."""
        return f"{self.prefix}wants"

    def touched(self, task_id: str) -> str:
        """Hash: the files a running task has read and changed."""
        return f"{self.prefix}files:{task_id}"

    def budget(self, scope: str) -> str:
        """Hash: what one scope may cost, has cost, and has set aside."""
        return f"{self.prefix}budget:{scope}"

    def budgets(self) -> str:
        """Zset: scopes by last use."""
        return f"{self.prefix}budgets"

    def hold(self, name: str) -> str:
        """Hash: money set aside for one call."""
        return f"{self.prefix}hold:{name}"

    def holds(self) -> str:
        """Zset: names of holds by the time at which they end by themselves, as spent."""
        return f"{self.prefix}holds"

    def settled(self, name: str) -> str:
        """Hash: how a hold ended, for repeated and late calls; gone after an hour."""
        return f"{self.prefix}settled:{name}"

    def wake(self, lane: str) -> str:
        """Channel: a lane has work; the channel of no lane says: look at what is due."""
        return f"{self.prefix}wake:{lane}"

    def control(self, host: str) -> str:
        """Channel: a word to one host."""
        return f"{self.prefix}ctl:{host}"

    def mail(self, agent: str) -> str:
        """Channel: an agent has mail."""
        return f"{self.prefix}mail:{agent}"

    def said(self, task_id: str) -> str:
        """Channel: what a running task says, to whoever watches it."""
        return f"{self.prefix}said:{task_id}"

    def unlocked(self) -> str:
        """Channel: file leases were given back."""
        return f"{self.prefix}unlocked"
