"""Processes: those that end between being listed and being read, those of others, and children at every depth."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ezaigents.monitor import Role, memory_of, with_children
from ezaigents.monitor.processes import samples_of
from ezaigents.monitor.procfs import children_of, facts_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no such books")
_NOBODY = 65534


@contextmanager
def _child() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child of its own; both are killed."""
    command = ["sh", "-c", "sleep 60 & echo; wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            subprocess.run(["kill", "-9", *map(str, with_children([child.pid]))], check=False)


def test_a_process_is_read() -> None:
    """This one has a name, used the processor, and its proportional memory is part of what is resident."""
    (one,) = samples_of({os.getpid(): (Role.HOST, "main")})
    assert (one.role, one.name) == (Role.HOST, "main")
    assert one.cpu_s > 0
    assert one.pss_bytes is not None
    assert 1_000_000 < one.pss_bytes <= one.rss_bytes
    assert memory_of([os.getpid()])[0] > 1_000_000


def test_children_are_found_at_every_depth() -> None:
    """A child of a child is one of the family, and each is named once."""
    with _child() as child:
        (grandchild,) = children_of(child.pid)
        found = with_children([os.getpid(), child.pid])
        assert found.count(child.pid) == found.count(grandchild) == 1
        assert {os.getpid(), child.pid, grandchild} <= set(found)


def test_a_process_that_ended_since_it_was_listed_is_left_out() -> None:
    """Both one that waits to be collected and one that is gone; those beside it are still told."""
    with subprocess.Popen(["sleep", "60"]) as child:
        listed = {child.pid: (Role.CHILD, ""), os.getpid(): (Role.HOST, "main")}
        assert [one.pid for one in samples_of(listed)] == [child.pid, os.getpid()]
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert [one.pid for one in samples_of(listed)] == [os.getpid()]
        child.wait()
        assert [one.pid for one in samples_of(listed)] == [os.getpid()]
        assert facts_of(child.pid) is None
        assert children_of(child.pid) == []
        assert memory_of([child.pid]) == (0, 0)


def test_without_permission_proportional_memory_is_unknown() -> None:
    """The process of another user is told with what everybody may see, and PSS as not known rather than as none."""
    looks = (
        "import os; from ezaigents.monitor.procfs import facts_of\n"
        f"if os.getuid() == 0: os.setgid({_NOBODY}); os.setuid({_NOBODY})\n"
        "facts = facts_of(os.getppid() if os.getuid() == 65534 else 1)\n"
        "print(facts.pss_bytes, facts.rss_bytes > 0)"
    )
    done = subprocess.run([sys.executable, "-c", looks], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]
