"""What benches of calls share: the cores, free ports, and what a process has used."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUBJECT_CORE, LOAD_CORE = 0, 1
FIRST_PORT, LAST_PORT = 2000, 16383
"""Of the telephones' media: below the core's own range (sip.rtp_ports)."""


@dataclass(frozen=True)
class Usage:
    """Of one process since its start: processor time in seconds, proportional set size in KiB."""

    cpu_s: float
    pss_kib: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Read it now. Source: proc(5), smaps_rollup.

        Raises:
            OSError: there is no such process.
        """
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        pss_kib = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        return cls(cpu_s(pid), pss_kib)


def cpu_s(pid: int) -> float:
    """Processor time of a process since its start, in seconds; unlike memory, reading it disturbs nobody.

    Source: proc(5), stat fields 14 and 15.

    Raises:
        OSError: there is no such process.
    """
    # The name in field 2 may hold spaces: count from its closing parenthesis.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A UDP port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(n_ports: int) -> int:
    """The first of so many free UDP ports in a row, an even one, below the core's own.

    Raises:
        RuntimeError: there are not as many.
    """
    taken = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        rows = Path(table).read_text().splitlines()[1:] if Path(table).exists() else []
        taken |= {int(row.split()[1].rpartition(":")[2], 16) for row in rows}
    return first_gap(taken, n_ports, FIRST_PORT, LAST_PORT)


def first_gap(taken: set[int], n_ports: int, first: int, last: int) -> int:
    """Where n_ports in a row are not taken, from an even port on.

    Raises:
        RuntimeError: nowhere.
    """
    start = first + first % 2
    for port in sorted(port for port in taken if start <= port <= last):
        if port - start >= n_ports:
            break
        start = port + 2 - port % 2
    if start + n_ports - 1 > last:
        raise RuntimeError(f"no {n_ports} free UDP ports in a row from {first} to {last}")
    return start


def recorded_bytes(folder: Path) -> dict[Path, int]:
    """Length of every file below a folder."""
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
