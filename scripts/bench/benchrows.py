#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""benchrows.py - read the output of kspan_bench, for pictures and tables.

scripts/bench.sh writes files of rows as build/bench/RIG.rows.  Run as a program,
this prints the rows of each given file, as a check.
"""
import dataclasses
import pathlib
import re
import sys

ROW = re.compile(r"^kspan_bench: (\S+) ([\d.]+) ([\d.]+) (\d+) (\d+) (\d+)"
                 r" (cycles|ns|permille) (\S+)$")
KERNEL = re.compile(r"^info kernel (\S+), (\d+) CPUs?$")
# The order in which rigs are shown.
RIGS = "icount-6.1 icount-6.12 icount-newest uml-6.1 uml-6.12 uml-newest".split()
UNITS = {"cycles": "instructions", "ns": "ns"}
SIZES = {"k": 1 << 10, "m": 1 << 20}
COUNTS = {"k": 1000, "m": 1000 * 1000}
# One row or two of each kind, as (label, row).
SUMMARY = [
    ("pair, 64 bytes", "pair-64"), ("pair, 1 KiB", "pair-1024"),
    ("pair, 4 KiB", "pair-4096"), ("pair, 16 KiB", "pair-16384"),
    ("zeroed, 4 KiB", "zeroed-4096"), ("pointer-free, 64 bytes", "atomic-64"),
    ("in a hard interrupt", "hardirq-64"), ("in a soft interrupt", "softirq-64"),
    ("256, freed in order", "batch-256-order"),
    ("4096, freed shuffled", "batch-4096-shuffled"),
    ("64 in bulk", "bulk-64"), ("random replacement", "larson"),
    ("1 million live", "live-1m"), ("64 KiB", "large-64k-kv"),
    ("64 KiB, written to", "large-64k-touched"), ("1 MiB", "large-1m-kv"),
    ("1 MiB, written to", "large-1m-touched"),
    ("grown by halves to 64 KiB", "grow-half-64k"),
    ("grown line by line to 4 KiB", "grow-line-4k"),
    ("copy to user, 1 KiB", "usercopy-1024"), ("walk over 64 MiB", "read-64m"),
    ("two CPUs", "scale-2"), ("freed on another CPU", "cross-64"),
    ("mstress", "mstress-1"), ("rptest", "rptest-1"),
    ("sh6bench", "sh6bench-1"), ("alloc-test", "alloc-test-1"),
]


@dataclasses.dataclass
class Row:
    """One workload; spreads are fractions of the cost."""

    name: str
    kspan: float
    kernel: float
    kspan_spread: float
    kernel_spread: float
    unit: str
    side: str

    @property
    def ratio(self):
        """What kspan costs for each that the kernel does."""
        return self.kspan / self.kernel if self.kernel else None


class Rig:
    """The rows of one rig, by name and in their order."""

    def __init__(self, path):
        self.name = path.stem
        self.kind, _, self.series = path.stem.partition("-")
        self.cpus = 1
        self.rows = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            row = ROW.match(line)
            kernel = KERNEL.match(line)
            if row:
                name, *numbers, unit, side = row.groups()
                kspan, theirs, _, ours_spread, theirs_spread = map(float, numbers)
                self.rows[name] = Row(name, kspan, theirs, ours_spread / 1000,
                                      theirs_spread / 1000, unit, side)
            elif kernel:
                self.series = ".".join(re.findall(r"\d+", kernel[1])[:2])
                self.cpus = int(kernel[2])

    @property
    def unit(self):
        """What a cost is measured in."""
        units = {row.unit for row in self.rows.values()} & set(UNITS)
        return UNITS[units.pop()] if units else ""

    @property
    def title(self):
        """The rig in words."""
        how = {"icount": "QEMU, counted", "uml": "UML, native"}
        cpus = f", {self.cpus} CPUs" if self.cpus > 1 else ""
        return f"Linux {self.series} ({how.get(self.kind, self.kind)}{cpus})"

    def series_of(self, pattern, scale=None):
        """The rows whose whole name matches, as sorted (number, row).

        The first group of the pattern is the number, with a suffix that is a
        key of scale.
        """
        found = []
        for name, row in self.rows.items():
            match = re.fullmatch(pattern, name)
            if match:
                number, suffix = re.fullmatch(r"(\d+)([a-z]?)", match[1]).groups()
                found.append((int(number) * (scale or {}).get(suffix, 1), row))
        return sorted(found, key=lambda item: item[0])


def load(paths):
    """The rigs of the files that have rows, in the order to show them.

    Results of --only beside complete runs would leave gaps that look like
    missing results.  So such files are left out, with a message.
    """
    rigs = [rig for rig in map(Rig, map(pathlib.Path, paths)) if rig.rows]
    most = max((len(rig.rows) for rig in rigs), default=0)
    for rig in rigs:
        if 2 * len(rig.rows) < most:
            print(f"{rig.name}: only {len(rig.rows)} rows, left out; run"
                  f" scripts/bench.sh --rig {rig.name}", file=sys.stderr)
    rigs = [rig for rig in rigs if 2 * len(rig.rows) >= most]
    return sorted(rigs, key=lambda rig: (RIGS.index(rig.name)
                                         if rig.name in RIGS else len(RIGS),
                                         rig.name))


def main():
    """Print what was understood."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip() + "\n\nusage: benchrows.py FILE.rows...")
        sys.exit(len(sys.argv) < 2)
    for rig in load(sys.argv[1:]):
        print(f"{rig.name}: {rig.title}, {len(rig.rows)} rows, {rig.unit}")
        for row in rig.rows.values():
            print(f"  {row.name} {row.kspan} {row.kernel} {row.unit} {row.side}")


if __name__ == "__main__":
    main()
