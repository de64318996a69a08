#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py [ROWS...] - put benchmark results into the documentation.

From the files that scripts/bench.sh left (build/bench/*.rows) writes the
tables to Documentation/performance-tables.rst, and copies the pictures that
lie beside the rows to Documentation/pictures.  Each table stands between a
comment `begin NAME` and one `end NAME`; where performance.rst has such a pair,
the table is put there as well.
"""
import argparse
import pathlib
import re
import shutil
import sys

import benchrows

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = """.. SPDX-License-Identifier: GPL-2.0
.. Written by scripts/bench/report.py; edits are lost.

=================
Figures, in full
=================

"""
LEGEND = """
A cell is kspan's cost, the kernel's, and the first by the second. Costs are
medians. A ~ is behind a cost whose rounds differ: the middle half of them
spreads over more than a fifth of it. - was not measured there.
"""
MARKED = re.compile(r"^\.\. begin (\w+)\n.*?^\.\. end \1$", re.M | re.S)
# A spread from which a cost is marked.
ROUGH = 0.2

# (name, heading, picture, what a row is, pattern of names)
GROUPS = [
    ("pairs", "One object", "pairs",
     "Allocated, written to and freed, over and over; bytes.",
     r"(pair|zeroed|atomic)-\d+"),
    ("batches", "Many objects", "batches",
     "Of 64 bytes: allocated, then freed in some order; in bulk.",
     r"(batch|bulk)-.*"),
    ("large", "Large objects", "large",
     "Untouched, and with a word written to every page.", r"large-.*"),
    ("contexts", "Interrupts", None,
     "64 bytes in a hard or a soft interrupt; freed in a soft one.",
     r"(hard|soft)irq-.*"),
    ("resize", "Growing and copying", None,
     "A buffer that grows; copies to user space; a walk over memory.",
     r"(grow|usercopy|read)-.*"),
    ("live", "Live objects", "live",
     "One object, and one run of pages, beside many that live; a run in heaps"
     "\nof which so many percent are in use.",
     r"(run-)?live-.*|heapfill-.*|larson"),
    ("stress", "Other people's benchmarks", None,
     "The workload, and how many threads run it.",
     r"(mstress|rptest|sh6bench|alloc-test|simple|[a-z]+test)-\d+"),
    ("cpus", "Two CPUs", None,
     "At once; freed where they were not allocated; on shared cache lines.",
     r"scale-\d+|cross-\d+|cache-.*"),
]

# What kspan is to reach: (what, how it is told, pattern of names, limits by
# rig).  The worst row of the pattern counts.
COUNTED = ("icount-6.1", "icount-6.12", "icount-newest")
NATIVE = ("uml-6.1", "uml-6.12", "uml-newest")
GOALS = [
    ("a pair, 8 to 8192 bytes", "ratio",
     r"pair-(8|16|24|32|48|64|96|100|128|192|200|256|512|1000|1024|2048|4096|8192)",
     {"icount-6.1": 0.35, "icount-6.12": 0.40, "icount-newest": 0.40,
      "uml-6.1": 0.33, "uml-6.12": 0.33, "uml-newest": 0.50}),
    ("batches of 16, 256, 4096", "ratio", r"batch-.*",
     dict.fromkeys(COUNTED + NATIVE, 0.50)),
    ("random replacement", "ratio", r"larson",
     dict.fromkeys(COUNTED + NATIVE, 0.50)),
    ("bulk of 16, 64, 256", "ratio", r"bulk-\d+",
     dict.fromkeys(COUNTED, 0.60)),
    ("64 KiB to 16 MiB beside vmalloc", "ratio", r"large-\d+[km]-v",
     dict.fromkeys(COUNTED, 0.05)),
    ("the same beside kvmalloc", "ratio", r"large-\d+[km]-kv",
     dict.fromkeys(COUNTED, 0.30)),
    ("freed on the other CPU", "ratio", r"cross-64", {"uml-newest": 0.70}),
    ("two CPUs at once: time of one by time of two", "gain", r"scale-\d",
     {"uml-newest": 1.9}),
    ("memory by bytes asked for, all live", "memory", r"memory-live",
     dict.fromkeys(COUNTED + NATIVE, 1.08)),
    ("memory after freeing 90 % at random", "ratio", r"memory-keep-10",
     dict.fromkeys(COUNTED + NATIVE, 0.90)),
    ("a pair beside 1 k to 1 M live: most by least", "growth", r"live-\d+[km]",
     dict.fromkeys(COUNTED, 1.2)),
    ("a run beside 1 k to 1 M live: most by least", "growth",
     r"run-live-\d+[km]", dict.fromkeys(COUNTED, 1.2)),
]


def number(value):
    """A cost, with no more digits than it deserves."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def ratio(value):
    """A ratio with two digits that count."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def cell(row):
    """What a rig has of a workload."""
    if row is None:
        return "-"
    costs = [number(cost) + ("~" if spread > ROUGH else "")
             for cost, spread in ((row.kspan, row.kspan_spread),
                                  (row.kernel, row.kernel_spread))]
    return f"{costs[0]} / {costs[1]} = {ratio(row.ratio)}"


def table(head, lines):
    """A simple table of reStructuredText."""
    widths = [max(len(line[i]) for line in [head, *lines])
              for i in range(len(head))]
    rule = "  ".join("=" * width for width in widths)

    def text(line):
        return "  ".join(f"{word:{width}}" for word, width
                         in zip(line, widths)).rstrip()
    return "\n".join([rule, text(head), rule, *map(text, lines), rule]) + "\n"


def marked(name, text):
    """A part that other pages can include."""
    return f".. begin {name}\n\n{text}\n.. end {name}\n\n"


def heading(text):
    """A section's heading."""
    return f"{text}\n{'=' * len(text)}\n\n"


def rigs_table(rigs):
    """Where it was measured."""
    return table(["rig", "kernel", "unit", "CPUs"],
                 [[rig.name, rig.title.partition(" (")[0], rig.unit, str(rig.cpus)]
                  for rig in rigs])


def summary_table(rigs):
    """A ratio for each kind of workload and rig."""
    lines = []
    for label, name in benchrows.SUMMARY:
        rows = [rig.rows.get(name) for rig in rigs]
        if any(rows):
            lines.append([label, *(ratio(row.ratio) if row else "-"
                                   for row in rows)])
    return table(["workload", *(rig.name for rig in rigs)], lines)


def reached(kind, rows):
    """A goal's figure, of the rows that it speaks of."""
    costs = [row.kspan for row in rows]
    if kind == "gain":
        return costs[0] / costs[-1]
    if kind == "growth":
        return max(costs) / costs[0]
    if kind == "memory":
        return max(costs) / 1000
    return max(row.ratio for row in rows)


def goals_table(rigs):
    """Each goal, its limits and what was measured; misses in bold."""
    lines = []
    for what, kind, pattern, limits in GOALS:
        line = [what]
        for rig in rigs:
            rows = [row for name, row in rig.rows.items()
                    if re.fullmatch(pattern, name)]
            if rig.name not in limits or not rows:
                line.append("-")
                continue
            limit = limits[rig.name]
            # To a thousandth, as the rows are printed.
            value = round(reached(kind, rows), 3)
            good = value >= limit if kind == "gain" else value <= limit
            text = ratio(value) if good else f"**{value:.3g}**"
            line.append(f"{text}, {'at least ' * (kind == 'gain')}{limit:g}")
        lines.append(line)
    return table(["goal", *(rig.name for rig in rigs)], lines)


def group_table(rigs, pattern):
    """Every row of a group; None if there is none."""
    sides = {}
    for rig in rigs:
        for row in rig.rows.values():
            if re.fullmatch(pattern, row.name):
                sides.setdefault(row.name, row.side)
    if not sides:
        return None
    used = [rig for rig in rigs if sides.keys() & rig.rows.keys()]
    return table(["workload", "beside", *(rig.name for rig in used)],
                 [[name, side, *(cell(rig.rows.get(name)) for rig in used)]
                  for name, side in sides.items()])


def classes_table(rigs):
    """The best and the worst of all size classes; None if there are none."""
    lines = []
    for rig in rigs:
        rows = [row for name, row in rig.rows.items()
                if name.startswith("class-") and row.ratio]
        if rows:
            rows.sort(key=lambda row: row.ratio)
            lines.append([rig.name, str(len(rows)),
                          *(f"{row.name.partition('-')[2]}: {cell(row)}"
                            for row in (rows[0], rows[len(rows) // 2], rows[-1]))])
    return table(["rig", "sizes", "best", "median", "worst"], lines) \
        if lines else None


def memory_table(rigs):
    """Bytes taken for each that was asked for."""
    names = {name: None for rig in rigs for name, row in rig.rows.items()
             if row.unit == "permille"}
    if not names:
        return None

    def taken(row):
        if row is None:
            return "-"
        return f"{row.kspan / 1000:.3f} / {row.kernel / 1000:.3f}" \
               f" = {ratio(row.ratio)}"
    return table(["state", *(rig.name for rig in rigs)],
                 [[name, *(taken(rig.rows.get(name)) for rig in rigs)]
                  for name in names])


def section(name, title, picture, words, text, pictures):
    """A heading, what is measured, the picture and the table."""
    image = ""
    if picture in pictures:
        image = f"\n.. image:: pictures/{picture}.svg\n" \
                f"   :alt: {title}, kspan beside the kernel's allocators\n"
    return heading(title) + words + "\n" + image + "\n" + marked(name, text)


def report(rigs, pictures):
    """The whole page."""
    parts = [HEAD, section("rigs", "Where", None,
                           "Instructions are the same on every machine, ns are"
                           " not; ``scripts/bench.sh --help``\nsays how each rig"
                           " is run.",
                           rigs_table(rigs), pictures),
             section("goals", "Goals", None,
                     "The worst row of each, then its limit; **bold** where that"
                     " is not met. How much\nnative figures differ from run to run"
                     " is in the tables below.",
                     goals_table(rigs), pictures),
             section("summary", "Ratios", "ratios",
                     "kspan's cost by the kernel's; below 1 kspan is cheaper.",
                     summary_table(rigs), pictures),
             LEGEND.lstrip() + "\n"]
    for name, title, picture, words, pattern in GROUPS:
        text = group_table(rigs, pattern)
        if text:
            parts.append(section(name, title, picture, words, text, pictures))
    text = classes_table(rigs)
    if text:
        parts.append(section("classes", "Every class", None,
                             "Pairs of each class's size, and of the size in the"
                             " middle below it (``-mid``).",
                             text, pictures))
    text = memory_table(rigs)
    if text:
        parts.append(section("memory", "Memory", "footprint",
                             "Bytes taken from the kernel for each byte asked"
                             " for: with all objects\nlive, after freeing a random"
                             " 90 %, after freeing all; idle memory released.",
                             text, pictures))
    return "".join(parts).rstrip() + "\n"


def repeat(text, page):
    """Put tables of text where another page has them, too."""
    if not page.exists():
        return
    tables = {match[1]: match[0] for match in MARKED.finditer(text)}
    old = page.read_text(encoding="utf-8")
    page.write_text(MARKED.sub(lambda match: tables.get(match[1], match[0]), old),
                    encoding="utf-8")


def main():
    """Write the page and copy the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROWS", type=pathlib.Path,
                        help="files of rows (build/bench/*.rows)")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        default=ROOT / "Documentation",
                        help="where to (Documentation)")
    args = parser.parse_args()
    files = args.rows or sorted((ROOT / "build" / "bench").glob("*.rows"))
    rigs = benchrows.load(files)
    if not rigs:
        sys.exit("report.py: there are no rows; run scripts/bench.sh first")
    pictures = {path.stem: path for file in files
                for path in file.parent.glob("*.svg")}
    (args.out / "pictures").mkdir(parents=True, exist_ok=True)
    for path in pictures.values():
        shutil.copyfile(path, args.out / "pictures" / path.name)
    page = args.out / "performance-tables.rst"
    text = report(rigs, pictures)
    page.write_text(text, encoding="utf-8")
    repeat(text, args.out / "performance.rst")
    print(f"{page}: {', '.join(rig.name for rig in rigs)};"
          f" {len(pictures)} pictures")


if __name__ == "__main__":
    main()
