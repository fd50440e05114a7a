"""`ez run`: the main job, and every way it can go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.integration.cli.installed import Place, read_until, wait_until

pytestmark = pytest.mark.functional

TASK_NAMES = ["id", "state", "agent", "path", "summary", "report", "patch", "cost_microusd", "simulated"]


def test_json_has_the_promised_shape(shared: Place) -> None:
    """`ez run --json` is a promise: exactly these names, of these types, on stdout and nothing else there."""
    done = shared.ez("run", "--json", "--agent", "local", "Where?", "knots.py", "notes.md", "pkg")
    assert done.code == 0
    result = json.loads(done.out)
    assert list(result) == ["run", "tasks"]
    assert [task["path"] for task in result["tasks"]] == ["knots.py", "notes.md", "pkg/plain.py", "summary"]
    for task in result["tasks"]:
        assert list(task) == TASK_NAMES
        assert task["state"] == "done"
        assert task["agent"] == "local"
        assert task["summary"]
        assert Path(task["report"]).is_file()
        assert task["patch"] == ""
        assert task["cost_microusd"] == 0
        assert task["simulated"] is False


def test_no_wait_prints_the_same_shape_at_once(shared: Place) -> None:
    """`--no-wait` hands in and returns, with the states of that moment."""
    done = shared.ez("run", "--no-wait", "--json", "--delay", "3600", "x", "knots.py")
    assert done.code == 0
    result = json.loads(done.out)
    assert [list(task) for task in result["tasks"]] == [TASK_NAMES, TASK_NAMES]
    assert [task["state"] for task in result["tasks"]] == ["delayed", "blocked"]
    assert shared.ez("cancel", result["run"]).code == 0


def test_no_wait_without_a_fleet_names_the_command(place: Place) -> None:
    """Without a fleet nobody would take the job later: exit code 3, and what to type."""
    done = place.ez("run", "--no-wait", "x", ".")
    assert done.code == 3
    assert "`ez up --detach`" in done.error
    assert place.processes() == {}


def test_tables_for_people(shared: Place) -> None:
    """In a pipe the results are plain: files with figures, the hottest spots, and where the report lies."""
    done = shared.ez("run", "Where are the hot spots?", "knots.py", "notes.md", "pkg")
    assert done.code == 0
    lines = done.out.splitlines()
    assert any(line.split()[:4] == ["knots.py", "Python", "16", "2"] for line in lines)
    assert any("knots.py:8" in line and "knotty" in line for line in lines)
    report = Path(lines[-1].removeprefix("Full report: "))
    assert "knotty" in report.read_text()
    assert "\x1b" not in done.out + done.err
    assert "4/4  done" in done.err
    assert "agent: local" in done.err


def test_without_a_fleet_one_is_started_and_stopped(place: Place) -> None:
    """A job without a fleet gets one of its own, which is named, and leaves nothing running."""
    done = place.ez("run", "--json", "x", ".")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["tasks"]) == 4
    assert "started one for this job" in done.err
    assert "stopped" in done.err
    assert place.processes() == {}


def test_two_jobs_at_once_share_the_fleet_one_of_them_started(place: Place) -> None:
    """One job starts the fleet; the other shares it, or is told that it has ended meanwhile and what to do."""
    jobs = [place.begin("run", "--json", "x", name) for name in ("knots.py", "pkg")]
    for job in jobs:
        out, err = job.communicate(timeout=60)
        assert job.returncode in (0, 3), err
        assert job.returncode == 0 or b"nothing is lost" in err or b"no fleet" in err or b"no host" in err
        assert job.returncode == 3 or json.loads(out)["tasks"]
    assert any(job.returncode == 0 for job in jobs)


def test_a_job_that_waits_for_a_fleet_that_never_comes_starts_its_own(place: Place) -> None:
    """Whoever was starting a fleet ends before it is ready: the job does not end with it."""
    lock = place.home / "hosts" / "main.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        held.write(f"{os.getpid()}\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        job = place.begin("run", "--json", "x", "knots.py")
        read_until(job.stderr, f"waiting for the fleet of process {os.getpid()}")
    out, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert json.loads(out)["tasks"]
    assert b"started one for this job" in err


def test_an_engine_elsewhere_that_does_not_answer_is_named(place: Place) -> None:
    """The words say which, and what to look at; not that a fleet has ended."""
    done = place.ez("run", "x", "knots.py", EZ_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.code == 3
    assert "127.0.0.1:1" in done.error
    assert "EZ_REDIS_URL" in done.error


def test_a_failed_job_without_a_fleet_leaves_nothing_running(place: Place) -> None:
    """A fleet that was started for a job ends with it when the job is refused, too."""
    place.write("ignored/.gitignore", "*\n")
    done = place.ez("run", "x", "ignored")
    assert done.code == 2
    assert place.processes() == {}


def test_a_dead_task_makes_exit_code_1(shared: Place) -> None:
    """Exit code 1 says that a task did not succeed, and the output says which and why."""
    done = shared.ez("run", "--deadline", "0.001", "--delay", "1", "x", "knots.py")
    assert done.code == 1
    assert "dead: knots.py: deadline" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x", "nowhere.py"), "no such file or folder: 'nowhere.py'"),
        (("x", "empty"), "no files in 'empty'"),
        (("x", "/etc/hostname"), "outside the workspace"),
        (("x", "../"), "outside the workspace"),
        (("x", "fifo"), "not a file or a folder"),
        (("x", "circle"), "loop of symbolic links"),
        (("x", ""), "a path is empty"),
        (("  ", "."), "is empty; say what is to be done"),
        (("--agent", "lokal", "x", "."), "did you mean 'local'?"),
        (("--agent", "local", "--kind", "edit", "x", "."), "local takes tasks of the kind analyze, not edit"),
        (("--check", "make test; rm -rf /", "x", "."), "into a script"),
        (("--budget", "-1", "x", "."), "takes a number from 0"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(place: Place, arguments: tuple[str, ...], words: str) -> None:
    """What cannot be done is refused with exit code 2 and the thing by name; no fleet is started for it."""
    (place.workspace / "empty").mkdir()
    os.mkfifo(place.workspace / "fifo")
    (place.workspace / "circle").symlink_to("circle")
    done = place.ez("run", *arguments)
    assert done.code == 2
    assert words in done.error
    assert "started" not in done.err
    assert done.out == ""


def test_an_unavailable_agent_is_refused_by_a_living_fleet_with_its_reason(shared: Place) -> None:
    """A task for an agent that cannot work is refused with the reason `ez agents` shows."""
    done = shared.ez("run", "--agent", "gpt", "x", ".")
    assert done.code == 2
    row = next(row for row in shared.json("agents")["agents"] if row["name"] == "gpt")
    assert row["state"].removeprefix("unavailable: ") in done.error


def test_file_names_may_hold_anything(shared: Place) -> None:
    """A newline, an escape sequence or invalid UTF-8 in a name is shown printable, in one line, and is no error."""
    folder = os.fsencode(shared.workspace / "odd")
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"new\nline.py", b"esc\x1b[31m.py", b"latin\xe9.py"):
        Path(os.fsdecode(folder + b"/" + name)).write_text("x = 1\n")
    done = shared.ez("run", "x", b"odd/latin\xe9.py", "odd", LC_ALL="C", PYTHONUTF8="0")
    assert done.code == 0, done.err
    assert "\x1b" not in done.out + done.err
    assert "odd/new\\nline.py" in done.out
    assert "odd/latin\\udce9.py" in done.out
    json.loads(shared.ez("run", "--json", "x", "odd").out)


def test_a_prompt_of_one_megabyte_is_taken(shared: Place) -> None:
    """`-` reads the prompt from standard input, where a mebibyte fits; `ez show` says where it lies."""
    prompt = b"x" * (1024 * 1024)
    done = shared.feed(prompt, "run", "--json", "-", "knots.py")
    assert done.code == 0, done.err
    shown = shared.ez("show", json.loads(done.out)["run"]).out
    path = next(line.split()[1] for line in shown.splitlines() if line.startswith("prompt"))
    assert Path(path).read_bytes() == prompt


@pytest.mark.parametrize("prompt", [b"x" * (1024 * 1024 + 1), b"\xff\xfe", b"", b"a\0b"])
def test_a_prompt_that_cannot_be_is_refused(place: Place, prompt: bytes) -> None:
    """Too long, not text, empty, or with a NUL: refused by name."""
    done = place.feed(prompt, "run", "-", "knots.py")
    assert done.code == 2
    assert done.error.startswith("ez: prompt:")


def test_a_prompt_typed_in_other_bytes_than_utf_8_is_refused(place: Place) -> None:
    """An argument may be any bytes; what is not text is told as such, not as an error in our program."""
    done = place.ez("run", b"caf\xe9", "knots.py")
    assert done.code == 2
    assert done.error.startswith("ez: prompt: is not UTF-8 (byte 3)")


@pytest.mark.parametrize("paused", ["local", ""])
def test_a_job_for_who_is_paused_says_why_nothing_happens(place: Place, paused: str) -> None:
    """Whether one waits or not: who hands in learns that the tasks wait for `ez resume`, and goes on with it."""
    words = "local is paused; the tasks wait; `ez resume` goes on"
    place.up()
    assert "paused" not in place.ez("run", "x", "notes.md").err
    place.ez("pause", *paused.split())
    assert words in place.ez("run", "--no-wait", "x", "knots.py").err
    job = place.begin("run", "--json", "x", "knots.py")
    read_until(job.stderr, words)
    place.ez("resume")
    out, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert {task["state"] for task in json.loads(out)["tasks"]} == {"done"}


def test_the_same_key_is_the_same_run(shared: Place) -> None:
    """An idempotency key hands a job in only once, and refuses another job under the same key."""
    first = shared.json("run", "--key", "once", "x", "knots.py")
    again = shared.json("run", "--key", "once", "x", "knots.py")
    assert first == again
    other = shared.ez("run", "--key", "once", "x", "pkg")
    assert other.code == 2
    assert "idempotency key" in other.error


def test_an_engine_killed_while_a_job_waits_loses_nothing(place: Place) -> None:
    """The engine's death in the middle of a run is mended by the host: the run completes, exit code 0."""
    place.up()
    job = place.begin("run", "--json", "--delay", "1.5", "x", ".")
    wait_until(lambda: place.json("status")["queue"]["delayed"] == 3, "the job is handed in")
    place.kill(place.engine_pid())
    out, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert {task["state"] for task in json.loads(out)["tasks"]} == {"done"}


def test_a_host_killed_while_a_job_waits_is_told(place: Place) -> None:
    """When the last host dies, the waiting says so at once and what goes on with it: exit code 3, nothing lost."""
    host = place.up()
    job = place.begin("run", "--json", "--delay", "3600", "x", ".")
    wait_until(lambda: place.json("status")["queue"]["delayed"] == 3, "the job is handed in")
    place.kill(host)
    out, err = job.communicate(timeout=30)
    assert job.returncode == 3, err
    assert b"nothing is lost" in err
    assert b"`ez up`" in err
    assert out == b""
    place.up()
    assert place.json("status")["queue"]["delayed"] == 3


def test_down_while_a_job_waits_is_told(place: Place) -> None:
    """Stopping the fleet beneath a waiting job ends the waiting with exit code 3."""
    place.up()
    job = place.begin("run", "--delay", "3600", "x", ".")
    wait_until(lambda: place.json("status")["queue"]["delayed"] == 3, "the job is handed in")
    assert place.ez("down").code == 0
    _, err = job.communicate(timeout=30)
    assert job.returncode == 3
    assert b"nothing is lost" in err


def test_waiting_goes_on_while_another_host_lives(place: Place) -> None:
    """The death of one host of two does not end the waiting."""
    first = place.up()
    place.up("--name", "second")
    job = place.begin("run", "--json", "--delay", "2", "x", ".")
    wait_until(lambda: place.json("status")["queue"]["delayed"] == 3, "the job is handed in")
    place.kill(first)
    out, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert {task["state"] for task in json.loads(out)["tasks"]} == {"done"}


def test_a_killed_run_takes_its_own_fleet_with_it(place: Place) -> None:
    """A fleet that was started for a job notices when that job is killed, and stops by itself."""
    job = place.begin("run", "--delay", "3600", "x", ".")
    read_until(job.stderr, r"run \w+: 4 tasks")
    job.kill()
    job.communicate()
    wait_until(lambda: not place.processes(), "its fleet has stopped")


def test_the_death_of_its_own_host_is_told_and_leaves_no_engine(place: Place) -> None:
    """When the host that was started for a job dies, its engine is stopped too, and the tasks are kept."""
    job = place.begin("run", "--delay", "3600", "x", ".")
    started = read_until(job.stderr, r"started one for this job.*process (\d+)\)[^$]*4 tasks")
    os.kill(int(started[1]), signal.SIGKILL)
    _, err = job.communicate(timeout=60)
    assert job.returncode == 3, err
    assert b"nothing is lost" in err
    assert place.processes() == {}


@pytest.mark.parametrize("command", ["agents", "run x ."])
def test_a_reader_that_leaves_early_is_no_error(shared: Place, command: str) -> None:
    """`| head -1` ends our output, and nothing is said about that."""
    first = " ".join(map(str, shared.command(*command.split())))
    done = subprocess.run(
        ["bash", "-c", f"{first} | head -1"],
        cwd=shared.workspace,
        env=shared.environ,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert b"Broken" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["agents", "status --json", "run --json x .", "status", "--help"])
@pytest.mark.parametrize("output", ["> /dev/full", ">&-"])
def test_an_output_that_cannot_be_written_is_told(shared: Place, command: str, output: str) -> None:
    """A full disk or a closed descriptor behind stdout is no error of ours: one line, exit code 1, no crash file."""
    done = _in_shell(shared, command, output)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("ez: cannot write the output: ")
    assert "Traceback" not in done.stderr
    assert not (shared.home / "crashes").exists()


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_closed_streams_that_are_not_needed_do_no_harm(shared: Place, closed: str) -> None:
    """Some ways to start a program leave it without stdin or stderr."""
    done = _in_shell(shared, "run --json x knots.py", closed)
    assert done.returncode == 0
    assert json.loads(done.stdout)["tasks"]
    assert _in_shell(shared, "show nonsense", closed).returncode == 2
    assert not (shared.home / "crashes").exists()


def _in_shell(place: Place, command: str, redirection: str) -> subprocess.CompletedProcess[str]:
    words = " ".join(map(str, place.command(*command.split())))
    return subprocess.run(
        ["bash", "-c", f"{words} {redirection}"],
        cwd=place.workspace,
        env=place.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
