"""`ez doctor`: what it sees, what it says, and what it never shows."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.installed import Place


def _checks(place: Place, **environ: str) -> dict[str, dict[str, str]]:
    import json

    checks = json.loads(place.ez("doctor", "--json", **environ).out)["checks"]
    assert all(list(check) == ["name", "verdict", "finding", "advice"] for check in checks)
    return {check["name"]: check for check in checks}


def test_a_healthy_machine(place: Place) -> None:
    """Where everything is well doctor leaves with 0, having run the engine's program; nothing is left behind."""
    assert place.ez("doctor").code == 0
    checks = _checks(place)
    assert {"python", "settings", "engine program", "data folder", "disk space", "disk writes", "engine"} <= set(checks)
    assert "v=" in checks["engine program"]["finding"]
    assert place.processes() == {}
    assert not list(place.home.parent.glob(".doctor*"))


def test_keys_are_named_and_never_shown(place: Place) -> None:
    """Doctor says which keys are set; their values appear nowhere."""
    secret = "sk-very-secret-indeed"  # noqa: S105 - made up
    environ = {"ANTHROPIC_API_KEY": secret, "MISTRAL_API_KEY": secret}
    for arguments in (("doctor",), ("doctor", "--json")):
        done = place.ez(*arguments, **environ)
        assert "ANTHROPIC_API_KEY, MISTRAL_API_KEY" in done.out
        assert "OPENAI_API_KEY" not in done.out
        assert secret not in done.out + done.err


def test_a_living_host_is_seen(place: Place) -> None:
    """Doctor names the hosts that live and the engine they use."""
    pid = place.up()
    checks = _checks(place)
    assert str(pid) in checks["host"]["finding"]
    assert "durability always" in checks["engine"]["finding"]


def test_an_open_data_folder_is_a_warning(place: Place) -> None:
    """A data folder that others can read is told, with the command that mends it."""
    place.home.mkdir(mode=0o755)
    place.home.chmod(0o755)
    checks = _checks(place)
    assert checks["data folder"]["verdict"] == "warn"
    assert checks["data folder"]["advice"] == f"chmod 700 {place.home}"


def test_an_engine_that_does_not_answer_fails(place: Place) -> None:
    """An engine by URL that is not there makes exit code 1, and its password is not shown."""
    done = place.ez("doctor", EZ_REDIS_URL="redis://me:hush-hush@127.0.0.1:1")
    assert done.code == 1
    assert "127.0.0.1:1" in done.out
    assert "hush-hush" not in done.out + done.err


def test_an_unforeseen_error_is_one_line_and_a_file(place: Place, tmp_path: Path) -> None:
    """A mistake of ours is told in one line that says where its traceback lies; EZ_DEBUG=1 shows it."""
    import subprocess
    import sys

    code = (
        "import sys\nfrom ezaigents.cli.failing import exit_code_of\n"
        "try:\n    {}['nothing']\nexcept KeyError as error:\n    sys.exit(exit_code_of(error))"
    )
    for debug in ("", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=place.environ | {"EZ_DEBUG": debug},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        lines = done.stderr.decode().splitlines()
        assert lines[-1].startswith("ez: unexpected error: KeyError: 'nothing'; the details are in ")
        assert "Traceback" in Path(lines[-1].rpartition(" ")[2]).read_text()
        assert ("Traceback" in done.stderr.decode()) is bool(debug)


def test_the_sandbox_is_tried_and_not_believed(place: Place) -> None:
    """Doctor tries to escape from the sandbox that commands would run in; none is a warning, switched off is not."""
    check = _checks(place)["sandbox"]
    assert check["verdict"] in {"ok", "warn"}
    if check["verdict"] == "ok":
        assert "attempts to escape failed" in check["finding"]
    else:
        assert "bubblewrap" in check["advice"]
    off = _checks(place, EZ_COMMANDS="off")["sandbox"]
    assert (off["verdict"], off["advice"]) == ("ok", "")
    assert "switched off" in off["finding"]
