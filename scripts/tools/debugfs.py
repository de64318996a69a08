# SPDX-License-Identifier: GPL-2.0
"""Read kspan's files in debugfs, or a saved copy of them.

read(root) returns a Snapshot.  A file that is missing, empty or malformed raises
ToolError, whose text names the file, the line and the remedy.
Documentation/debugfs.rst explains the files.
"""
import dataclasses
import errno
import pathlib
import re
import time

ROOT = "/sys/kernel/debug/kspan"
PAGE = 8192             # bytes of a heap page
MAP_CHARS = 64          # characters of an arena's map
GROUP_PAGES = 128       # heap pages that each of them stands for
MAX_SMALL = 32768       # bytes; larger objects are not in by_size

# Numbers of `stats` that only grow.
COUNTERS = frozenset("""
    total_alloc nlookup nmalloc nfree heap_released tinyallocs large_nmalloc
    large_nfree bad_free double_free bad_copy overrun use_after_free atomic_fail
    oom_fail limit_fail refill flush swap grow release scavenge_runs shrink_runs
    corrupt""".split())

SIZE_COLUMNS = "class size pages objects nmalloc nfree inuse spans partial".split()
CACHE_COLUMNS = ["name"] + SIZE_COLUMNS[1:]
HEAP_COLUMNS = "name bytes objects peak asked spans limit".split()
ARENA_COLUMNS = "arena chunks inuse idle longest map".split()
SPAN_COLUMNS = "pages class objects live state owner".split()
SITE_COLUMNS = "bytes objects total_bytes total_objects site".split()
# Without these no picture of kspan makes sense.
NEEDED_STATS = """alloc total_alloc sys nmalloc nfree heap_sys heap_idle heap_inuse
    heap_objects mspan_sys mcache_sys mcache_inuse gc_sys buckhash_sys other_sys
    """.split()


class ToolError(Exception):
    """What a tool tells its user before it gives up."""


@dataclasses.dataclass
class Snapshot:
    """The numbers of one moment."""

    root: str
    time: float
    stats: dict
    sizes: list = dataclasses.field(default_factory=list)
    caches: list = dataclasses.field(default_factory=list)
    heaps: list = None          # None: this kspan has no such file
    sites: list = None
    arenas: list = dataclasses.field(default_factory=list)
    spans: list = dataclasses.field(default_factory=list)


def explain(path, error):
    """What an OSError about a file of kspan's means."""
    root = path.parent
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no right to read {path}: kspan's files are for root; try sudo"
    if error.errno != errno.ENOENT:
        return f"cannot read {path}: {error.strerror}"
    if str(root) != ROOT:
        if root.is_dir():
            return f"there is no file {path.name} in {root}: not a copy of {ROOT}"
        return f"there is no directory {root}"
    debugfs = pathlib.Path(ROOT).parent
    try:
        mounted = any(debugfs.iterdir())
    except OSError:
        return f"no right to read {debugfs}: it is for root; try sudo"
    if not mounted:
        return (f"debugfs is not mounted; "
                f"try: mount -t debugfs debugfs {debugfs}")
    return "kspan is not loaded; try: modprobe kspan"


def read_text(path):
    """The text of a file."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise ToolError(explain(path, error)) from None


def number(text, where):
    """A number that is not negative."""
    if not re.fullmatch(r"[0-9]+", text):
        raise ToolError(f"{where}: '{text[:40]}' is no number")
    return int(text)


def parse_stats(path):
    """The pairs of `stats`."""
    stats = {}
    text = read_text(path)
    if not text.strip():
        raise ToolError(f"{path} is empty")
    for nr, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if len(words) != 2:
            raise ToolError(f"{path}:{nr}: no name and value: '{line[:60]}'")
        stats[words[0]] = number(words[1], f"{path}:{nr}")
    for name in NEEDED_STATS:
        if name not in stats:
            raise ToolError(f"{path}: the line '{name}' is missing")
    return stats


def parse_table(path, columns, texts=(), optional=False):
    """The rows of a file with a header line, as dictionaries.

    Additional columns of a newer kspan are ignored.  For an optional file that is
    missing, the result is None.
    """
    if optional and not path.exists():
        return None
    lines = read_text(path).splitlines()
    if not lines:
        raise ToolError(f"{path} is empty")
    header = lines[0].split()
    if header[:len(columns)] != columns:
        raise ToolError(f"{path}:1: the header is '{lines[0][:60]}', "
                        f"not '{' '.join(columns)}'")
    rows = []
    for nr, line in enumerate(lines[1:], 2):
        words = line.split()
        if len(words) != len(header):
            raise ToolError(f"{path}:{nr}: {len(words)} columns, "
                            f"not {len(header)}: '{line[:60]}'")
        rows.append({name: word if name in texts else
                     number(word, f"{path}:{nr}")
                     for name, word in zip(columns, words)})
    return rows


def parse_sites(path):
    """The rows of `callsites`; [] while the accounting is off."""
    if not path.exists():
        return None
    rows = []
    for nr, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split(None, 4)
        if not words or not words[0].isdigit():
            continue            # the header, or a remark
        if len(words) != 5:
            raise ToolError(f"{path}:{nr}: no call site: '{line[:60]}'")
        row = {name: number(word, f"{path}:{nr}")
               for name, word in zip(SITE_COLUMNS, words[:4])}
        row["site"] = words[4].strip()
        rows.append(row)
    return rows


def read(root=ROOT, maps=False):
    """Read everything; with @maps also where memory lies, which takes longer."""
    root = pathlib.Path(root)
    snap = Snapshot(str(root), time.time(), parse_stats(root / "stats"))
    snap.sizes = parse_table(root / "by_size", SIZE_COLUMNS)
    snap.caches = parse_table(root / "caches", CACHE_COLUMNS, {"name"}, True) or []
    snap.heaps = parse_table(root / "heaps", HEAP_COLUMNS, {"name"}, True)
    snap.sites = parse_sites(root / "callsites")
    snap.arenas = parse_table(root / "arenas", ARENA_COLUMNS, {"map"})
    for row in snap.arenas:
        if not re.fullmatch(r"[.+#-]{%d}" % MAP_CHARS, row["map"]):
            raise ToolError(f"{root / 'arenas'}: no map of {MAP_CHARS} characters: "
                            f"'{row['map'][:70]}'")
    if maps:
        snap.spans = parse_table(root / "spans", SPAN_COLUMNS, {"state", "owner"})
    return snap


def share(part, whole):
    """A share between 0 and 1; 0 of nothing."""
    return part / whole if whole > 0 else 0.0


def row_figures(row):
    """Values derived from a row of by_size or caches.

    live: bytes of live objects; held: bytes of its spans; waste: the share of
    these bytes without live objects; use: the share of slots in use.
    """
    live = row["inuse"] * row["size"]
    held = row["spans"] * row["pages"] * PAGE
    slots = row["spans"] * row["objects"]
    return {"live": live, "held": held, "free": max(slots - row["inuse"], 0),
            "waste": max(1 - share(live, held), 0.0) if held else 0.0,
            "use": min(share(row["inuse"], slots), 1.0)}


def fragmentation(snap):
    """Three measures of memory that clients do not use.

    spans: the share of bytes in spans that is not in live objects; idle: the
    share of heap bytes in no span; pages: how scattered the idle pages are, 0 if
    they form one run.
    """
    stats = snap.stats
    idle = sum(row["idle"] for row in snap.arenas)
    longest = max((row["longest"] for row in snap.arenas), default=0)
    return {
        "spans": max(1 - share(stats["alloc"], stats["heap_inuse"]), 0.0)
                 if stats["heap_inuse"] else 0.0,
        "idle": share(stats["heap_idle"], stats["heap_sys"]),
        "pages": 1 - share(longest, idle) if idle else 0.0,
    }


def human(count):
    """A number of bytes in at most six characters."""
    for unit in ("", "K", "M", "G", "T"):
        if count < 1000 or unit == "T":
            break
        count /= 1024
    return f"{count:.0f}{unit}" if not unit or count >= 100 else f"{count:.1f}{unit}"
