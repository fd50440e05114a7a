"""Facts about the machine and what is installed. Job: read them; what cannot be measured says why."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from ezaigents.scorecard.disk import bytes_beneath, filesystem_of, fsync_ms
from ezaigents.scorecard.samples import Size
from ezaigents.scorecard.shown import Machine

_NAME = "ezaigents"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WITHIN_S = 5.0


def machine_of(folder: Path, engine: str) -> Machine:
    """The machine, with the disk that holds `folder`. `engine`: its name and version, where a fleet said it."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        ezaigents=version(_NAME),
        engine=engine,
        filesystem=filesystem_of(folder),
        fsync_ms=round(fsync_ms(folder), 3),
        load_1min=round(os.getloadavg()[0], 2),
    )


def installed_size() -> Size:
    """Bytes of the distribution and of all it needs, by the files that are installed of each."""
    seen: dict[str, int] = {}
    missing = []
    waiting = [_NAME]
    while waiting:
        name = waiting.pop()
        if _normal(name) in seen:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            missing.append(name)  # not for this system
            continue
        seen[_normal(name)] = _bytes_of(found)
        waiting += _needs(found)
    what = f"{_NAME} and {len(seen) - 1} distributions that it needs, without the interpreter"
    return Size(bytes=sum(seen.values()), what=what)


def image_size() -> Size:
    """Bytes of the container image, where one is on this machine."""
    what = f"container image {_NAME}"
    programs = [name for name in ("docker", "podman") if shutil.which(name)]
    if not programs:
        return Size(bytes=None, what=what, why="neither docker nor podman is installed here")
    for program in programs:
        try:
            done = subprocess.run(
                [program, "image", "inspect", "--format", "{{.Size}}", _NAME],
                capture_output=True, text=True, check=False, timeout=_WITHIN_S, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.split()[:1] and done.stdout.split()[0].isdigit():
            return Size(bytes=int(done.stdout.split()[0]), what=what)
    return Size(bytes=None, what=what, why=f"no image of this name is known to {' or '.join(programs)}")


def _needs(found: Distribution) -> list[str]:
    """Names of what it requires by itself; what is only for an extra is left out."""
    names = []
    for text in found.requires or ():
        requirement, _, condition = text.partition(";")
        if "extra" not in condition and (named := _REQUIREMENT.match(requirement.strip())):
            names.append(named.group())
    return names


def _bytes_of(found: Distribution) -> int:
    """What of it lies on the disk; of ourselves the package's folder, wherever it is imported from."""
    if _normal(found.metadata["Name"]) == _NAME:
        return bytes_beneath(Path(__file__).parents[1])
    total = 0
    for file in found.files or ():
        path = Path(str(file.locate()))
        if path.is_file():
            total += path.stat().st_size
    return total


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _cpu() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
