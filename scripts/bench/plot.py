#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""plot.py --out DIR ROWS... - pictures of benchmark results.

From the files that scripts/bench.sh writes to build/bench, as SVG and PNG:

  pairs      one object allocated and freed, by its size
  batches    many objects allocated, then freed in three orders; and in bulk
  large      64 KiB to 16 MiB, compared with kvmalloc and vmalloc
  ratios     every kind of workload, kspan's cost divided by the kernel's
  live       one object, and one run of pages, by the size of the heap
  footprint  memory in use divided by memory requested

Each rig has a panel; a picture without data is left out.
"""
import argparse
import math
import pathlib
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

import benchrows  # noqa: E402

# Colours that differ to every eye, and in grey by their lightness.
KSPAN, KERNEL, OTHER = "#0072B2", "#D55E00", "#666666"
LICENCE = "<!-- SPDX-License-Identifier: GPL-2.0 -->\n"
WIDTH = 4.6             # of a panel, in inches

MEMORY = [("memory-live", "128 MiB live"),
          ("memory-keep-10", "after freeing\na random 90%"),
          ("memory-keep-0", "after freeing\nall")]


def bytes_text(number, _position=None):
    """A size with its unit."""
    number = int(number)
    for shift, unit in ((20, "MiB"), (10, "KiB")):
        if number and not number % (1 << shift):
            return f"{number >> shift} {unit}"
    return f"{number} B"


def panels(rigs, height=2.9, columns=3, **more):
    """A figure with a panel for each rig, as (figure, panels)."""
    columns = min(columns, len(rigs))
    rows = math.ceil(len(rigs) / columns)
    figure, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained",
                                figsize=(WIDTH * columns, height * rows + 0.3),
                                **more)
    axes = list(axes.flat)
    for rig, axis in zip(rigs, axes):
        axis.set_title(rig.title)
    for axis in axes[len(rigs):]:
        axis.remove()
    return figure, axes[:len(rigs)]


def legend(figure, axis):
    """One for the figure, below it."""
    handles, labels = axis.get_legend_handles_labels()
    # As many columns as fit; 0.2 inches for each line of them.
    columns = max(1, min(len(labels), int(figure.get_figwidth() / 1.5)))
    lines = math.ceil(len(labels) / columns)
    room = (0.1 + 0.2 * lines) / figure.get_figheight()
    figure.legend(handles, labels, loc="lower center", ncols=columns,
                  frameon=False)
    figure.get_layout_engine().set(rect=(0, room, 1, 1 - room))


def line(axis, points, side, label, **style):
    """The cost over a number, in a band as wide as the rounds spread."""
    numbers = [number for number, _ in points]
    costs = [getattr(row, side) for _, row in points]
    half = [min(getattr(row, f"{side}_spread") / 2, 0.95) for _, row in points]
    color = style.pop("color", KSPAN if side == "kspan" else KERNEL)
    style.setdefault("linestyle", "-" if side == "kspan" else "--")
    style.setdefault("marker", "o" if side == "kspan" else "s")
    axis.plot(numbers, costs, color=color, label=label, **style)
    axis.fill_between(numbers, [c * (1 - h) for c, h in zip(costs, half)],
                      [c * (1 + h) for c, h in zip(costs, half)],
                      color=color, alpha=0.15, linewidth=0)


def sizes_axis(axis, ticks):
    """A logarithmic axis of sizes."""
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_locator(ticker.FixedLocator(ticks))
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    axis.xaxis.set_major_formatter(bytes_text)


def cost_text(value, _position=None):
    """A cost or a count as people write it."""
    for size, unit in ((10 ** 6, " M"), (10 ** 3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def costs_axis(axis):
    """A logarithmic axis of costs."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    # Powers of ten alone are too few where there is not a hundred between.
    steps = (1,) if high / low > 300 else (1, 2, 5)
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=steps))
    axis.yaxis.set_minor_locator(ticker.NullLocator())
    axis.yaxis.set_major_formatter(cost_text)


def plot_pairs(rigs):
    """One object allocated and freed, over its size."""
    rigs = [rig for rig in rigs if len(rig.series_of(r"pair-(\d+)")) > 1]
    if not rigs:
        return None
    figure, axes = panels(rigs)
    for rig, axis in zip(rigs, axes):
        # Sizes that are no class's step up and down within a class.
        points = [point for point in rig.series_of(r"pair-(\d+)")
                  if not point[0] & (point[0] - 1)]
        line(axis, points, "kspan", "kspan")
        line(axis, points, "kernel", "kmalloc")
        sizes_axis(axis, [8, 64, 512, 4096, 32768])
        costs_axis(axis)
        axis.set_xlabel("size of the object")
        axis.set_ylabel(f"{rig.unit} a pair")
    legend(figure, axes[0])
    return figure


def plot_batches(rigs):
    """Batches and bulk: a line between the two sides of each."""
    rigs = [rig for rig in rigs if any(re.match("batch-|bulk-", name)
                                       for name in rig.rows)]
    if not rigs:
        return None
    names = []
    for rig in rigs:
        names += [name for name in rig.rows
                  if re.match("batch-|bulk-", name) and name not in names]
    names.sort(key=lambda name: (name.split("-")[0], name.count("-shuffled") if
                                 name.startswith("bulk") else 0,
                                 int(name.split("-")[1])))
    figure, axes = panels(rigs, height=0.9 + 0.19 * len(names), sharey=True)
    for rig, axis in zip(rigs, axes):
        for at, name in enumerate(names):
            row = rig.rows.get(name)
            if not row:
                continue
            axis.plot([row.kspan, row.kernel], [at, at], color="#BBBBBB",
                      linewidth=1.5, zorder=1)
            axis.plot(row.kspan, at, "o", color=KSPAN,
                      label="kspan" if not at else None)
            axis.plot(row.kernel, at, "s", color=KERNEL,
                      label="kmalloc, kmem_cache for bulk" if not at else None)
        axis.set_yticks(range(len(names)),
                        [name.replace("-", " ").replace(" order", " in order")
                         for name in names])
        axis.set_xlim(left=0)
        axis.set_xlabel(f"{rig.unit} an object")
    axes[0].invert_yaxis()
    legend(figure, axes[0])
    return figure


def plot_large(rigs):
    """Large objects on two logarithmic axes."""
    rigs = [rig for rig in rigs if rig.series_of(r"large-(\w+)-kv", benchrows.SIZES)]
    if not rigs:
        return None
    figure, axes = panels(rigs)
    for rig, axis in zip(rigs, axes):
        kvmalloc = rig.series_of(r"large-(\w+)-kv", benchrows.SIZES)
        line(axis, kvmalloc, "kspan", "kspan")
        line(axis, kvmalloc, "kernel", "kvmalloc")
        virtual = rig.series_of(r"large-(\w+)-v", benchrows.SIZES)
        if virtual:
            line(axis, virtual, "kernel", "vmalloc", color=OTHER,
                 linestyle="-.", marker="^")
        touched = rig.series_of(r"large-(\w+)-touched", benchrows.SIZES)
        if touched:
            line(axis, touched, "kspan", "kspan, every page written to",
                 linestyle=":", markerfacecolor="white")
            line(axis, touched, "kernel", "kvmalloc, every page written to",
                 linestyle=":", markerfacecolor="white")
        costs_axis(axis)
        sizes_axis(axis, [size for size, _ in kvmalloc])
        axis.set_xlabel("size of the object")
        axis.set_ylabel(f"{rig.unit} a pair")
    legend(figure, axes[0])
    return figure


def ratio_text(ratio, shown):
    """The ratio, with an arrow if its bar is cut off."""
    text = f"{ratio:.0f}" if ratio >= 10 else \
        f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.4f}"
    if ratio > shown:
        return f"{text} \N{RIGHTWARDS ARROW}"
    return f"\N{LEFTWARDS ARROW} {text}" if ratio < shown else text


def plot_ratios(rigs):
    """Bars from 1 to the ratio, on a logarithmic axis."""
    bars = [(label, name) for label, name in benchrows.SUMMARY
            if any(name in rig.rows for rig in rigs)]
    if not bars:
        return None
    low, high = 1 / 32, 4
    figure, axes = panels(rigs, height=0.9 + 0.19 * len(bars), sharey=True)
    for rig, axis in zip(rigs, axes):
        for at, (_, name) in enumerate(bars):
            row = rig.rows.get(name)
            if not row or not row.ratio:
                continue
            shown = min(max(row.ratio, low), high)
            axis.barh(at, shown - 1, left=1, height=0.65,
                      color=KSPAN if row.ratio <= 1 else KERNEL)
            right = row.ratio > 1
            axis.annotate(ratio_text(row.ratio, shown), (shown, at), fontsize=6,
                          xytext=(2 if right else -2, 0), va="center",
                          ha="left" if right else "right",
                          textcoords="offset points")
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set_xscale("log", base=2)
        axis.set_xlim(low / 1.9, high * 1.7)
        axis.xaxis.set_major_locator(ticker.FixedLocator(
            [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4]))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        axis.set_yticks(range(len(bars)), [label for label, _ in bars])
        axis.set_xlabel("kspan's cost by the kernel's; left of 1 kspan is cheaper")
        axis.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    return figure


def plot_live(rigs):
    """The cost over the number of live objects."""
    rigs = [rig for rig in rigs if rig.series_of(r"live-(\w+)", benchrows.COUNTS)]
    if not rigs:
        return None
    figure, axes = panels(rigs)
    for rig, axis in zip(rigs, axes):
        for prefix, what, style in (("live", "an object", {}),
                                    ("run-live", "a run of pages",
                                     {"markerfacecolor": "white"})):
            points = rig.series_of(prefix + r"-(\w+)", benchrows.COUNTS)
            if not points:
                continue
            line(axis, points, "kspan", f"{what}, kspan", **style)
            line(axis, points, "kernel", f"{what}, "
                 f"{points[0][1].side}", **style)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(cost_text)
        costs_axis(axis)
        axis.set_xlabel("live objects")
        axis.set_ylabel(f"{rig.unit} a pair")
    legend(figure, axes[0])
    return figure


def plot_footprint(rigs):
    """Memory taken by memory asked for."""
    rigs = [rig for rig in rigs if "memory-live" in rig.rows]
    if not rigs:
        return None
    figure, axes = panels(rigs, height=2.6, sharey=True)
    for rig, axis in zip(rigs, axes):
        for at, (name, _) in enumerate(MEMORY):
            row = rig.rows.get(name)
            if not row:
                continue
            for side, shift, color, label in (
                    ("kspan", -0.19, KSPAN, "kspan"),
                    ("kernel", 0.19, KERNEL, "kmalloc")):
                value = getattr(row, side) / 1000
                axis.bar(at + shift, value, 0.36, color=color,
                         label=label if not at else None)
                axis.annotate(f"{value:.2f}" if value >= 0.01 else "< 0.01",
                              (at + shift, value), ha="center", va="bottom",
                              fontsize=7, xytext=(0, 1),
                              textcoords="offset points")
        axis.set_xticks(range(len(MEMORY)), [label for _, label in MEMORY])
        axis.set_ylabel("bytes taken for each asked for")
        axis.grid(axis="x", visible=False)
        axis.margins(y=0.12)
    legend(figure, axes[0])
    return figure


PICTURES = {"pairs": plot_pairs, "batches": plot_batches, "large": plot_large,
            "ratios": plot_ratios, "live": plot_live, "footprint": plot_footprint}


def set_style():
    """Sober, and the same bytes for the same rows."""
    plt.rcParams.update({
        "font.size": 8, "axes.titlesize": 9, "axes.labelsize": 8,
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E4E4E4",
        "grid.linewidth": 0.6, "lines.linewidth": 1.3, "lines.markersize": 4,
        "svg.hashsalt": "kspan", "svg.fonttype": "none", "savefig.dpi": 150,
    })


def save(figure, stem):
    """Write the figure as STEM.svg and STEM.png."""
    figure.savefig(f"{stem}.png", metadata={"Software": None})
    figure.savefig(f"{stem}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    path = pathlib.Path(f"{stem}.svg")
    # The licence is wanted in the first line, where the XML header would be.
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^<\?xml[^>]*>\s*<!DOCTYPE[^>]*>\s*", LICENCE, text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def main():
    """Draw what there are rows for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="ROWS", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."),
                        metavar="DIR", help="where to (here)")
    args = parser.parse_args()
    rigs = benchrows.load(args.rows)
    if not rigs:
        sys.exit("plot.py: no rows in any of these files")
    args.out.mkdir(parents=True, exist_ok=True)
    set_style()
    for name, plot in PICTURES.items():
        figure = plot(rigs)
        if figure:
            save(figure, args.out / name)
            print(f"{args.out / name}.svg")


if __name__ == "__main__":
    main()
