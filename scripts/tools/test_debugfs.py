# SPDX-License-Identifier: GPL-2.0
"""The reader of debugfs."""
import pathlib
import shutil

import debugfs
from testing import copy, same


def refuses(root, says):
    """Reading must fail with such a text."""
    try:
        debugfs.read(root, maps=True)
    except debugfs.ToolError as error:
        assert says in str(error), f"'{error}' lacks '{says}'"
    else:
        raise AssertionError(f"nothing was wrong for it with {says}")


def test_sums(bench):
    """The numbers that are read agree with each other."""
    for moment in bench.moments:
        snap = debugfs.read(bench.root(moment), maps=True)
        stats = snap.stats
        same(sum(row["nmalloc"] for row in snap.sizes + snap.caches) +
             stats["large_nmalloc"] + stats["tinyallocs"], stats["nmalloc"])
        same(sum(row["inuse"] for row in snap.arenas) * debugfs.PAGE,
             stats["heap_inuse"])
    return f"{len(bench.moments)} moments"


def test_figures(_bench):
    """Figures of a row are right, also of an empty one."""
    row = {"size": 100, "pages": 1, "objects": 81, "inuse": 40, "spans": 1}
    figures = debugfs.row_figures(row)
    same((figures["live"], figures["held"], figures["free"]), (4000, 8192, 41))
    same((round(figures["waste"], 3), round(figures["use"], 3)), (0.512, 0.494))
    row.update(inuse=0, spans=0)
    same(debugfs.row_figures(row)["waste"], 0.0)


def test_human(_bench):
    """Numbers of bytes are short and right."""
    for count, text in ((0, "0"), (999, "999"), (1024, "1.0K"), (102400, "100K"),
                        (1536 << 20, "1.5G"), (1 << 50, "1024T")):
        same(debugfs.human(count), text)


def test_empty_files(bench):
    """Every file that is empty is refused by its name."""
    for name in ("stats", "by_size", "caches", "heaps", "arenas", "spans"):
        root = copy(bench, "full", "empty-file")
        (root / name).write_text("")
        refuses(root, f"{name} is empty")


def test_missing_files(bench):
    """Files that must be there are; others may be missing."""
    for name in ("stats", "by_size", "arenas", "spans"):
        root = copy(bench, "full", "missing")
        (root / name).unlink()
        refuses(root, f"no file {name} in")
    root = copy(bench, "full", "older")
    for name in ("heaps", "callsites", "caches"):
        (root / name).unlink(missing_ok=True)
    snap = debugfs.read(root)
    same((snap.heaps, snap.sites, snap.caches), (None, None, []))


def test_malformed(bench):
    """What is malformed is refused with its line."""
    for name, old, new, says in (
            ("stats", "\nnmalloc ", "\nnmalloc x ", "stats:5: no name and value"),
            ("stats", "\nsys ", "\nsys -", "is no number"),
            ("stats", "heap_idle", "heap_odd", "'heap_idle' is missing"),
            ("by_size", "class size", "size class", "the header is"),
            ("by_size", "\n1 8 ", "\n1 8 9 ", ":2: 10 columns, not 9"),
            ("by_size", "\n1 8 ", "\n1 0x8 ", "'0x8' is no number"),
            ("arenas", "#", "x", "no map of 64 characters"),
            ("spans", " pointer\n", "\n", "columns, not 6")):
        root = copy(bench, "full", "malformed")
        file = root / name
        text = file.read_text()
        assert old in text, (name, old)
        file.write_text(text.replace(old, new, 1))
        refuses(root, says)
    root = copy(bench, "full", "malformed")
    (root / "stats").write_bytes(bytes(range(256)) * 20)
    refuses(root, "stats:1: no name and value")


def test_newer(bench):
    """Columns and lines that a newer kspan adds do no harm."""
    root = copy(bench, "full", "newer")
    file = root / "by_size"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0] + " new"] +
                              [line + " 7" for line in lines[1:]]) + "\n")
    with (root / "stats").open("a") as stats:
        stats.write("brand_new 5\n")
    snap = debugfs.read(root)
    same(snap.stats["brand_new"], 5)
    same(list(snap.sizes[0]), debugfs.SIZE_COLUMNS)


def test_sites(bench):
    """Call sites are read with and without a header."""
    root = copy(bench, "full", "sites")
    line = "4096 2 12288 6 client_init+0x4a/0x1000 [client]\n"
    for text in (line, "bytes objects total_bytes total_objects site\n" + line):
        (root / "callsites").write_text(text)
        same(debugfs.read(root).sites,
             [{"bytes": 4096, "objects": 2, "total_bytes": 12288,
               "total_objects": 6, "site": "client_init+0x4a/0x1000 [client]"}])
    (root / "callsites").write_text("")
    same(debugfs.read(root).sites, [])
    (root / "callsites").write_text("4096 2 x\n")
    refuses(root, "no call site")


def test_no_directory(bench):
    """A directory that is missing, or is something else, is refused."""
    refuses(bench.folder / "nowhere", "there is no directory")
    file = bench.folder / "a-file"
    shutil.copy(bench.root("full") / "stats", file)
    refuses(file, "cannot read")
    if not pathlib.Path(debugfs.ROOT).exists():
        refuses(debugfs.ROOT, "debugfs" if not any(
            pathlib.Path("/sys/kernel/debug").iterdir()) else "not loaded")
