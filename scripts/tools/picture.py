# SPDX-License-Identifier: GPL-2.0
"""Draw what layout.py found, by matplotlib."""
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy  # noqa: E402
from matplotlib import colors, patches, ticker  # noqa: E402

import debugfs  # noqa: E402
from debugfs import GROUP_PAGES, MAP_CHARS  # noqa: E402
from layout import FRAME_PAGES  # noqa: E402

LICENCE = "<!-- SPDX-License-Identifier: GPL-2.0 -->\n"
WIDTH = 9.0             # inches
STRIP = 0.45            # inches of a frame
MOST_FRAMES = 64        # strips of one picture
MOST_ROWS = 40          # bars of one picture

NO_MEMORY, IDLE = (1, 1, 1), (0.88, 0.88, 0.88)
KINDS = {"cache": "#CC79A7", "large": "#666666", "cached": "#B0B0B0",
         "quarantined": "#D00000"}
SIZES = colors.LogNorm(8, debugfs.MAX_SMALL)
COLOURS = plt.get_cmap("viridis")
# A page of a span without live objects still is not idle.
PALEST = 0.25


def colour_of(span):
    """The colour of a span, the paler the fewer live objects it has."""
    if span["kind"] == "small":
        full = COLOURS(SIZES(max(span["size"], 8)))[:3]
    else:
        full = colors.to_rgb(KINDS[span["kind"]])
    strength = PALEST + (1 - PALEST) * span["live"]
    if span["kind"] in ("cached", "quarantined"):
        strength = 1
    return tuple(1 - strength * (1 - part) for part in full)


def strip(frame):
    """A frame as an image: MAP_CHARS groups side by side, each 8 pages wide."""
    pages = numpy.full((FRAME_PAGES, 3), NO_MEMORY, float)
    for first, count in frame["have"]:
        pages[first:first + count] = IDLE
    for span in frame["spans"]:
        pages[span["first"]:span["first"] + span["pages"]] = colour_of(span)
    wide = 8
    groups = pages.reshape(MAP_CHARS, GROUP_PAGES // wide, wide, 3)
    return groups.transpose(1, 0, 2, 3).reshape(GROUP_PAGES // wide, -1, 3)


def draw_frames(axes, frames):
    """A strip for each frame, the lowest addresses first."""
    for ax, frame in zip(axes, frames):
        ax.imshow(strip(frame), aspect="auto", interpolation="nearest",
                  extent=(0, MAP_CHARS, 0, 1))
        ax.set_yticks([0.5], [str(frame["arena"])], fontsize=7)
        ax.set_xticks([])
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_color("#AAAAAA")
            side.set_linewidth(0.5)
    axes[-1].set_xticks(range(0, MAP_CHARS + 1, 8))
    axes[-1].tick_params(axis="x", labelsize=7)
    axes[-1].set_xlabel("MiB of the frame", fontsize=8)


def legend(figure, top):
    """What the colours mean."""
    handles = [patches.Patch(color=COLOURS(SIZES(size)),
                             label=f"{debugfs.human(size)}B")
               for size in (8, 64, 512, 4096, 32768)]
    handles += [patches.Patch(color=KINDS[kind], label=label) for kind, label in (
        ("cache", "named cache, heap"), ("large", "large object"),
        ("cached", "freed large object, kept"), ("quarantined", "quarantined"))]
    handles.append(patches.Patch(facecolor=IDLE, edgecolor="#AAAAAA",
                                 label="idle"))
    handles.append(patches.Patch(facecolor=NO_MEMORY, edgecolor="#AAAAAA",
                                 label="no memory of kspan's"))
    figure.legend(handles=handles, loc="upper center", ncol=6, fontsize=7,
                  frameon=False, bbox_to_anchor=(0.5, top))


def draw_rows(ax, rows):
    """Bytes in spans by size: live, and not."""
    names = [row["name"] for row in rows]
    places = range(len(rows))
    live = [row["live"] / 2**20 for row in rows]
    free = [max(row["held"] - row["live"], 0) / 2**20 for row in rows]
    ax.barh(places, live, color="#0072B2", label="live objects")
    ax.barh(places, free, left=live, color="#E0B080",
            label="free objects and tails of spans")
    for place, row in zip(places, rows):
        ax.annotate(f"{100 * row['waste']:.0f}%",
                    (max(row["held"], row["live"]) / 2**20, place), fontsize=6,
                    xytext=(3, 0), textcoords="offset points", va="center")
    ax.set_yticks(places, names, fontsize=6)
    ax.invert_yaxis()
    ax.margins(x=0.06, y=0.01)
    ax.set_xlabel("MiB in spans; the number is the share that is not live",
                  fontsize=8)
    ax.legend(fontsize=7, frameon=False, loc="best")
    ax.tick_params(labelsize=7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def memory(what, kind):
    """The picture of a layout, as the bytes of a file."""
    frames, rows = what["frames"], what["rows"]
    if not frames:
        raise debugfs.ToolError("kspan has no memory, so there is nothing to draw")
    left_out = len(frames) - MOST_FRAMES
    frames = frames[:MOST_FRAMES]
    if len(rows) > MOST_ROWS:
        least = sorted(row["held"] for row in rows)[-MOST_ROWS]
        rows = [row for row in rows if row["held"] >= least][:MOST_ROWS]
    strips, bars = STRIP * len(frames), 0.13 * len(rows) + 0.5
    height = strips + bars + 2.1
    figure = plt.figure(figsize=(WIDTH, height))
    grid = figure.add_gridspec(
        len(frames) + 2, 1, hspace=0.12, left=0.11, right=0.97,
        top=1 - 1.05 / height, bottom=0.45 / height,
        height_ratios=[STRIP] * len(frames) + [0.6, bars])
    axes = [figure.add_subplot(grid[nr]) for nr in range(len(frames))]
    draw_frames(axes, frames)
    if rows:
        draw_rows(figure.add_subplot(grid[-1]), rows)
    frame_text = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
    title = (f"{frame_text} of 64 MiB, {what['held'] / 2**20:.1f} MiB "
             f"of memory, {what['inuse'] / 2**20:.1f} MiB in use")
    if left_out > 0:
        title += f"; {left_out} more frames are not shown"
    if not what["exact"]:
        title += "\n(from debugfs: in a partly used MiB the places are not known)"
    figure.suptitle(title, fontsize=9, y=1 - 0.12 / height)
    legend(figure, 1 - 0.42 / height)
    return as_file(figure, kind)


def plot(ax, seconds, lines, unit):
    """Lines over time, named at their right ends' side."""
    for name, values, style in lines:
        ax.plot(seconds, values, style, label=name, linewidth=1.2)
    ax.set_ylabel(unit, fontsize=8)
    ax.set_ylim(bottom=0)
    ax.margins(x=0)
    ax.tick_params(labelsize=7)
    ax.grid(color="#DDDDDD", linewidth=0.5)
    ax.legend(fontsize=7, frameon=False, loc="center left",
              bbox_to_anchor=(1, 0.5))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def rates_of(seconds, values):
    """A second, between the readings; one value fewer than those."""
    return [max(b - a, 0) / (t - s) if t > s else 0.0 for a, b, s, t in
            zip(values, values[1:], seconds, seconds[1:])]


def over_time(what, kind):
    """The plot of a series, as the bytes of a file."""
    seconds, stats = what["seconds"], what["stats"]
    if len(seconds) < 2:
        raise debugfs.ToolError("a plot over time needs two readings or more")
    figure, axes = plt.subplots(3, 1, figsize=(WIDTH, 6.6), sharex=True)

    def mib(name):
        return [value / 2**20 for value in stats[name]]

    plot(axes[0], seconds, [
        ("from the kernel (sys)", mib("sys"), "k-"),
        ("heap (heap_sys)", mib("heap_sys"), "-"),
        ("in spans (heap_inuse)", mib("heap_inuse"), "-"),
        ("live (alloc)", mib("alloc"), "-"),
        ("idle (heap_idle)", mib("heap_idle"), "--")], "MiB")
    plot(axes[1], seconds[1:], [
        (name, rates_of(seconds, stats[name]), style) for name, style in (
            ("nmalloc", "-"), ("nfree", "--"), ("refill", "-"), ("flush", "--"))],
         "a second")
    axes[1].yaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    plot(axes[2], seconds, [
        (label, [100 * value for value in what["fragmentation"][name]], "-")
        for name, label in (("spans", "not live, of spans"),
                            ("idle", "idle, of the heap"),
                            ("pages", "idle pages scattered"))], "%")
    axes[2].set_xlabel("seconds", fontsize=8)
    figure.tight_layout()
    return as_file(figure, kind)


def as_file(figure, kind):
    """The figure in a format; the same figure gives the same bytes."""
    out = io.BytesIO()
    if kind == "svg":
        plt.rcParams["svg.fonttype"] = "none"
        plt.rcParams["svg.hashsalt"] = "kspan"
        figure.savefig(out, format="svg", metadata={"Date": None})
        # The declaration in the first line may be left out.
        svg = out.getvalue().decode().partition("\n")[2]
        plt.close(figure)
        return LICENCE + svg
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)
    return out.getvalue()
