"""Holding a process to a share of a processor, by a control group of Linux of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from os import getpid
from pathlib import Path
from typing import Final

PERIOD_MICROSECONDS: Final = 100_000
"""Linux's default: whoever has used up its share of this waits for the next."""
_MOUNT: Final = Path("/sys/fs/cgroup")
_GONE_SECONDS: Final = 5.0
_numbers = count()


@contextmanager
def at_most(pid: int, cores: float) -> Iterator[Path]:
    """Hold the process, all its threads and what it starts to `cores` processors; afterwards it is free again.

    Yields the group. Raises OSError where the machine has no such groups or does not let us make one.
    """
    with _group(cores) as group:
        _put(pid, group)
        yield group


def possible() -> bool:
    """Whether this machine lets us: it is tried."""
    try:
        with _group(0.5):
            return True
    except OSError:
        return False


@contextmanager
def _group(cores: float) -> Iterator[Path]:
    quota = round(cores * PERIOD_MICROSECONDS)
    parent, limits = _version_2(quota) if (_MOUNT / "cgroup.controllers").exists() else _version_1(quota)
    group = parent / f"petct-bench-{getpid()}-{next(_numbers)}"
    group.mkdir()
    try:
        for name, limit in limits.items():
            (group / name).write_text(limit)
        yield group
    finally:
        _remove(group)


def _version_1(quota: int) -> tuple[Path, dict[str, str]]:
    """Within the group this process is in, whose own limit goes on to hold; a container may not see it by its name."""
    mount = _MOUNT / "cpu"
    groups = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    own = next((name for _, controllers, name in groups if "cpu" in controllers.split(",")), "/")
    parent = mount / own.lstrip("/")
    limits = {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(quota)}
    return parent if parent.is_dir() else mount, limits


def _version_2(quota: int) -> tuple[Path, dict[str, str]]:
    """Beside the groups of the first level: further down, a group that has processes has no groups with limits."""
    passed_on = _MOUNT / "cgroup.subtree_control"
    if "cpu" not in passed_on.read_text().split():
        passed_on.write_text("+cpu")
    return _MOUNT, {"cpu.max": f"{quota} {PERIOD_MICROSECONDS}"}


def _put(pid: int, group: Path) -> None:
    (group / "cgroup.procs").write_text(str(pid))


def _remove(group: Path) -> None:
    """Set free whoever is in it; one that is ending just now stays for a moment."""
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                _put(int(pid), group.parent)
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
