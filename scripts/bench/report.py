#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py [ROWS...] - put benchmark results into the documentation.

Reads the results of scripts/bench.sh (build/bench/*.rows), writes the tables to
Documentation/performance-tables.rst, and copies the pictures that are next to
the results to Documentation/pictures.  Each table stands between the comments
`begin NAME` and `end NAME`.  If performance.rst has the same two comments, the
table is written there as well.
"""
import argparse
import pathlib
import re
import shutil
import sys

import benchrows

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = """.. SPDX-License-Identifier: GPL-2.0
.. Written by scripts/bench/report.py, which overwrites all edits.

=====================
All benchmark figures
=====================

"""
LEGEND = """
Each cell below gives kspan's cost, the kernel's cost and their ratio. The costs
are medians of all rounds. A ~ marks a cost whose rounds differ: the spread of
their middle half exceeds a fifth of the median. A - means that the workload was
not measured on this rig.
"""
MARKED = re.compile(r"^\.\. begin (\w+)\n.*?^\.\. end \1$", re.M | re.S)
# A cost with a larger spread is marked.
ROUGH = 0.2

# (name, heading, picture, what the rows measure, pattern of names)
GROUPS = [
    ("pairs", "One object", "pairs",
     "The loop allocates one object, writes to it and frees it. The number is its"
     "\nsize in bytes.",
     r"(pair|zeroed|atomic)-\d+"),
    ("batches", "Many objects", "batches",
     "The loop allocates many objects of 64 bytes and then frees them in some"
     " order,\nsingly or with the bulk functions.",
     r"(batch|bulk)-.*"),
    ("large", "Large objects", "large",
     "The objects are left untouched, or a word is written to every page.",
     r"large-.*"),
    ("contexts", "Interrupts", None,
     "Pairs of 64 bytes in a hard or a soft interrupt, and frees in a soft"
     " interrupt\nof objects that a task allocated.",
     r"(hard|soft)irq-.*"),
    ("resize", "Growing and copying", None,
     "A buffer grows, objects are copied to user space, and a loop reads memory\n"
     "in random order.",
     r"(grow|usercopy|read)-.*"),
    ("live", "Live objects", "live",
     "One object or one run of pages is allocated while many others are live.\n"
     "In ``heapfill`` rows the number is the percentage of the heap that is in use.",
     r"(run-)?live-.*|heapfill-.*|larson"),
    ("stress", "Benchmarks from other projects", None,
     "The number is the number of threads that run the workload.",
     r"(mstress|rptest|sh6bench|alloc-test|simple|[a-z]+test)-\d+"),
    ("cpus", "Two CPUs", None,
     "Both CPUs allocate and free at the same time, one frees what the other"
     "\nallocated, or objects share cache lines.",
     r"scale-\d+|cross-\d+|cache-.*"),
]

# The goals: (label, kind of value, pattern of row names, limit for each rig).
# The worst row that matches the pattern counts.
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
    ("64 KiB to 16 MiB, compared with vmalloc", "ratio", r"large-\d+[km]-v",
     dict.fromkeys(COUNTED, 0.05)),
    ("64 KiB to 16 MiB, compared with kvmalloc", "ratio", r"large-\d+[km]-kv",
     dict.fromkeys(COUNTED, 0.30)),
    ("freed on the other CPU", "ratio", r"cross-64", {"uml-newest": 0.70}),
    ("speed-up with a second CPU", "gain", r"scale-\d",
     {"uml-newest": 1.9}),
    ("memory held for each requested byte", "memory", r"memory-live",
     dict.fromkeys(COUNTED + NATIVE, 1.08)),
    ("memory after freeing 90 % at random", "ratio", r"memory-keep-10",
     dict.fromkeys(COUNTED + NATIVE, 0.90)),
    ("growth of a pair's cost, 1 k to 1 M live", "growth", r"live-\d+[km]",
     dict.fromkeys(COUNTED, 1.2)),
    ("growth of a run's cost, 1 k to 1 M live", "growth",
     r"run-live-\d+[km]", dict.fromkeys(COUNTED, 1.2)),
]


def number(value):
    """A cost: without decimals from 100 on, with one from 1 on, else two."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def ratio(value):
    """A ratio with two significant digits."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def cell(row):
    """The costs and the ratio of one workload on one rig."""
    if row is None:
        return "-"
    costs = [number(cost) + ("~" if spread > ROUGH else "")
             for cost, spread in ((row.kspan, row.kspan_spread),
                                  (row.kernel, row.kernel_spread))]
    return f"{costs[0]} / {costs[1]} = {ratio(row.ratio)}"


def table(head, lines):
    """A simple table in reStructuredText."""
    widths = [max(len(line[i]) for line in [head, *lines])
              for i in range(len(head))]
    rule = "  ".join("=" * width for width in widths)

    def text(line):
        return "  ".join(f"{word:{width}}" for word, width
                         in zip(line, widths)).rstrip()
    return "\n".join([rule, text(head), rule, *map(text, lines), rule]) + "\n"


def marked(name, text):
    """A part of the page that repeat() can copy to other pages."""
    return f".. begin {name}\n\n{text}\n.. end {name}\n\n"


def heading(text):
    """The heading of a section."""
    return f"{text}\n{'=' * len(text)}\n\n"


def rigs_table(rigs):
    """The rigs and their kernels."""
    return table(["rig", "kernel", "unit", "CPUs"],
                 [[rig.name, rig.title.partition(" (")[0], rig.unit, str(rig.cpus)]
                  for rig in rigs])


def summary_table(rigs):
    """The ratio for each kind of workload and each rig."""
    lines = []
    for label, name in benchrows.SUMMARY:
        rows = [rig.rows.get(name) for rig in rigs]
        if any(rows):
            lines.append([label, *(ratio(row.ratio) if row else "-"
                                   for row in rows)])
    return table(["workload", *(rig.name for rig in rigs)], lines)


def reached(kind, rows):
    """The value to compare with a goal's limit."""
    costs = [row.kspan for row in rows]
    if kind == "gain":
        return costs[0] / costs[-1]
    if kind == "growth":
        return max(costs) / costs[0]
    if kind == "memory":
        return max(costs) / 1000
    return max(row.ratio for row in rows)


def goals_table(rigs):
    """Measured value and limit for each goal and rig; misses in bold."""
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
            # Rounded to a thousandth, as in the rows.
            value = round(reached(kind, rows), 3)
            good = value >= limit if kind == "gain" else value <= limit
            text = ratio(value) if good else f"**{value:.3g}**"
            line.append(f"{text}, {'at least ' * (kind == 'gain')}{limit:g}")
        lines.append(line)
    return table(["goal", *(rig.name for rig in rigs)], lines)


def group_table(rigs, pattern):
    """All rows of a group, or None if there are none."""
    sides = {}
    for rig in rigs:
        for row in rig.rows.values():
            if re.fullmatch(pattern, row.name):
                sides.setdefault(row.name, row.side)
    if not sides:
        return None
    used = [rig for rig in rigs if sides.keys() & rig.rows.keys()]
    return table(["workload", "compared with", *(rig.name for rig in used)],
                 [[name, side, *(cell(rig.rows.get(name)) for rig in used)]
                  for name, side in sides.items()])


def classes_table(rigs):
    """The best, median and worst size class, or None without rows."""
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
    """Bytes taken from the kernel for each requested byte."""
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
    """A section: heading, description, picture and table."""
    image = ""
    if picture in pictures:
        image = f"\n.. image:: pictures/{picture}.svg\n" \
                f"   :alt: {title}: kspan and the kernel's allocators\n"
    return heading(title) + words + "\n" + image + "\n" + marked(name, text)


def report(rigs, pictures):
    """The whole page."""
    parts = [HEAD, section("rigs", "Rigs", None,
                           "Instruction counts are the same on every machine."
                           " Times in ns are not.\n``scripts/bench.sh --help``"
                           " describes how each rig runs.",
                           rigs_table(rigs), pictures),
             section("goals", "Goals", None,
                     "Each cell gives the worst measured value and the limit."
                     " Values in **bold** miss\nit. The tables below show how"
                     " much times vary from round to round.",
                     goals_table(rigs), pictures),
             section("summary", "Ratios", "ratios",
                     "kspan's cost divided by the kernel's. Below 1 kspan is cheaper.",
                     summary_table(rigs), pictures),
             LEGEND.lstrip() + "\n"]
    for name, title, picture, words, pattern in GROUPS:
        text = group_table(rigs, pattern)
        if text:
            parts.append(section(name, title, picture, words, text, pictures))
    text = classes_table(rigs)
    if text:
        parts.append(section("classes", "All size classes", None,
                             "The loop allocates and frees one object of each"
                             " class's size, and of the size\nhalfway to the next"
                             " smaller class (``-mid``).",
                             text, pictures))
    text = memory_table(rigs)
    if text:
        parts.append(section("memory", "Memory", "footprint",
                             "Bytes taken from the kernel for each requested byte:"
                             " with all objects live,\nafter 90 % were freed at"
                             " random (for each byte that is still allocated),"
                             " and\nafter all were freed. Idle memory is released"
                             " before the last two measurements.",
                             text, pictures))
    return "".join(parts).rstrip() + "\n"


def repeat(text, page):
    """Copy the tables in text to the same places in another page."""
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
                        help="folder to write to (Documentation)")
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
