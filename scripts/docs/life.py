#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""life.py [--check] - draw Documentation/pictures/life.svg, the life of an object.

The places where an object can be are listed from the kernel down to the client,
with what brings it to the next place (allocation) and back (free).  With --check
nothing is written, and a picture that differs is a failure.
"""
import pathlib
import sys
from html import escape

PICTURE = pathlib.Path(__file__).resolve().parents[2] / \
    "Documentation/pictures/life.svg"

# (place, what the object is there)
PLACES = [
    ("the kernel", "no object: pages of vmalloc()"),
    ("page heap of a node", "free pages of a chunk"),
    ("central list of a node", "a free object in a span, a bit in its bitmap"),
    ("depot of a node", "a slot in a full magazine"),
    ("cache of a CPU", "a slot in magazine A or F, state FREE"),
    ("a client", "the client's memory, state LIVE"),
]
# From each place to the one below it, for an allocation.
DOWN = [
    "a new chunk; only callers that may sleep",
    "a run of pages becomes a span",
    "up to 63 objects, straight to A, if the depot is empty",
    "a full magazine becomes A, under one short lock",
    "kspan_alloc() pops A, without a lock",
]
# And to the one above it, for a free.
UP = [
    "an idle chunk, after scavenge_ms, or by release",
    "a span without live objects, beyond a budget",
    "straight from F, if the depot has enough magazines",
    "a full F, if A has enough; else A and F swap",
    "kspan_free() claims it and pushes it on F",
]

LEFT, WIDTH, HEIGHT, GAP, MARGIN = 190, 360, 52, 58, 12
TOTAL = 740


def text(x, y, what, anchor="middle", kind=""):
    """A line of text."""
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{kind}>{escape(what)}</text>'


def arrow(x, y, to):
    """A vertical arrow."""
    return f'<path d="M{x} {y}V{to}" marker-end="url(#tip)"/>'


def draw():
    """The picture as text."""
    parts = []
    step = HEIGHT + GAP
    for i, (place, what) in enumerate(PLACES):
        y = MARGIN + 22 + i * step
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
                     f'rx="4"/>')
        parts.append(text(LEFT + WIDTH // 2, y + 22, place, kind="place"))
        parts.append(text(LEFT + WIDTH // 2, y + 41, what))
        if i == len(DOWN):
            continue
        below, mid = y + HEIGHT, y + HEIGHT + GAP // 2
        down, up = LEFT + 120, LEFT + WIDTH - 120
        parts.append(arrow(down, below + 2, below + GAP - 4))
        parts.append(arrow(up, below + GAP - 2, below + 4))
        parts += lines(down - 10, mid, DOWN[i], "end")
        parts += lines(up + 10, mid, UP[i], "start")
    height = MARGIN + 22 + len(PLACES) * step - GAP + MARGIN
    head = [text(LEFT + 110, MARGIN + 8, "allocation", "end", "place"),
            text(LEFT + WIDTH - 110, MARGIN + 8, "free", "start", "place")]
    return (
        "<!-- SPDX-License-Identifier: GPL-2.0 -->\n"
        "<!-- Made by scripts/docs/life.py. -->\n"
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {TOTAL} {height}" '
        f'width="{TOTAL}" height="{height}" role="img">\n'
        "<title>The places of an object from the kernel to a client and back</title>\n"
        "<style>text{font:13px sans-serif;fill:#222}.place{font-weight:bold}"
        "rect{fill:#eef4f8;stroke:#357}path{fill:none;stroke:#357;stroke-width:1.5}"
        "marker path{fill:#357}</style>\n"
        f'<rect width="{TOTAL}" height="{height}" style="fill:#fff;stroke:none"/>\n'
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="7" refY="4" '
        'orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>\n'
        + "\n".join(head + parts) + "\n</svg>\n")


def lines(x, y, what, anchor):
    """A text of one or two lines around a height."""
    words, first, second = what.split(), [], []
    for word in words:
        line = second if second or len(" ".join(first + [word])) > 32 else first
        line.append(word)
    if not second:
        return [text(x, y + 4, what, anchor)]
    return [text(x, y - 4, " ".join(first), anchor),
            text(x, y + 12, " ".join(second), anchor)]


def main():
    """Write or compare the picture."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
    elif sys.argv[1:] == ["--check"]:
        if PICTURE.read_text("utf-8") != draw():
            sys.exit(f"{PICTURE.name} is not what life.py draws; run it")
    elif sys.argv[1:]:
        sys.exit("see --help")
    else:
        PICTURE.write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
