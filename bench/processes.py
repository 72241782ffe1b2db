"""CPU time and memory of processes, children included, as Linux counts them."""

import os
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def of_session(leader: int) -> list[int]:
    """The processes that a process started in a session of its own, itself included."""
    return [pid for pid in _all() if (stat := _stat(pid)) and int(stat[3]) == leader]


def cpu_s(leader: int) -> float:
    """User and system time of a session's processes, ended and waited-for children included."""
    fields = [_stat(pid) for pid in of_session(leader)]
    return sum(sum(map(int, stat[11:15])) for stat in fields if stat) * _TICK_S


def memory_mb(pid: int) -> float:
    """Resident memory; of a process that has ended, none."""
    sizes = (
        line.split()[1] for line in _read(pid, "status").splitlines() if line.startswith("VmRSS:")
    )
    return int(next(sizes, "0")) / 1024


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, the state first; none of a process that has ended."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    """What Linux tells of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
