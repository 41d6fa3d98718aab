"""Every figure, one part after the other: the one entry of `make bench` and `make bench-quick`.

    python benchmarks/bench.py [--quick] [--only PART ...] [--output FILE]

Says how far it is, and writes the page: benchmarks/RESULTS.md; the short form and a selection write to
build/bench/, so that a page that was made with care is not lost by a look. A part that fails is named in the
page, the rest goes on, and the exit status is 1. A missed budget is a figure like any other: status 0.

It needs two cores for itself, a container engine for Asterisk, SIPp, a compiler, and our engine
(`make engine`).
"""

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.parts import BENCHES, BUILD, VERSIONS, Bench  # noqa: E402
from benchmarks.results import Part, Row, page_of, table_of  # noqa: E402

BUSY_LOAD = 0.5
"""A load average above it, before anything has begun, is other work."""


def run(
    benches: Sequence[Bench],
    quick: bool,
    say: Callable[[str], None],
    keep: Callable[[list[Part]], None] = lambda _: None,
) -> list[Part]:
    """All parts, whatever becomes of each; `keep` gets those that there are after each."""
    parts = []
    began_s = time.monotonic()
    for number, bench in enumerate(benches, 1):
        here = f"[{number}/{len(benches)} {bench.name}]"

        def tell(text: str, here: str = here) -> None:
            passed_s = time.monotonic() - began_s
            say(f"{passed_s // 60:02.0f}:{passed_s % 60:02.0f} {here} {text}")

        tell(bench.title)
        part = run_one(bench, quick, tell)
        parts.append(part)
        keep(parts)
        tell(f"failed: {part.failed}" if part.failed else f"done in {part.took_s:.0f} s")
        if part.rows:
            say(table_of(part.rows))
    return parts


def run_one(bench: Bench, quick: bool, tell: Callable[[str], None]) -> Part:
    """One part; its failure is a part, too."""
    began_s, load = time.monotonic(), os.getloadavg()[0]
    failed = ""
    rows: tuple[Row, ...] = ()
    try:
        rows = tuple(bench.measure(quick, tell))
        for row in rows:
            _ = row.met  # a budget that cannot be judged is this part's failure, not the page's
    except Exception as error:  # a part's boundary: the others go on
        traceback.print_exc()
        failed, rows = f"{type(error).__name__}: {error}".partition("\n")[0][:300], ()
    command = f"{bench.command} --quick" if quick and bench.short_form else bench.command
    return Part(bench.title, command, rows, failed, time.monotonic() - began_s, (load, os.getloadavg()[0]))


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Every figure, and the page that shows them.")
    parser.add_argument("--quick", action="store_true", help="under three minutes, less exactly")
    parser.add_argument("--only", nargs="+", metavar="PART", choices=[bench.name for bench in BENCHES])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    # A bench that is stopped still takes its container and its telephones with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = options.only or [bench.name for bench in BENCHES if bench.in_quick or not options.quick]
    benches = [bench for bench in BENCHES if bench.name in wanted]
    careful = not options.quick and not options.only
    output = options.output or (ROOT / "benchmarks" if careful else BUILD) / "RESULTS.md"
    command = "make bench-quick" if options.quick else "make bench"
    if options.only or options.output:
        command = " ".join(("python benchmarks/bench.py", *sys.argv[1:]))
    load = os.getloadavg()[0]
    if load > BUSY_LOAD:
        print(f"The load average is {load:.1f}: this machine does other work, which the figures will show.")

    def keep(parts: list[Part]) -> None:
        """Half an hour is long: what there is stays when the rest is stopped."""
        stopped = (
            "" if len(parts) == len(benches) else f" (stopped after {len(parts)} of {len(benches)} parts)"
        )
        page = page_of(parts, command + stopped, f"{datetime.now(UTC):%Y-%m-%d}", VERSIONS)
        output.parent.mkdir(parents=True, exist_ok=True)
        part = output.with_suffix(".part")
        part.write_text(page)
        part.replace(output)

    parts = run(benches, options.quick, lambda text: print(text, flush=True), keep)
    print(f"\n{output.read_text()}\nwritten to {output}", flush=True)
    return 1 if any(part.failed for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
