# SPDX-License-Identifier: GPL-2.0
"""What kspantop shows: the summary, the rows of each view, and the rates."""
import dataclasses
import time
import typing

import debugfs
from debugfs import human, share


@dataclasses.dataclass
class Sample:
    """A reading, and the one before it if rates are wanted."""

    now: debugfs.Snapshot
    before: debugfs.Snapshot = None

    @property
    def seconds(self):
        """Between the two; 0 if there is only one."""
        return self.now.time - self.before.time if self.before else 0.0

    def rate(self, name):
        """How fast a number of `stats` grows; None if nobody knows."""
        if not self.before or name not in self.now.stats:
            return None
        return per_second(self.now.stats[name],
                          self.before.stats.get(name, 0), self.seconds)


def per_second(now, before, seconds):
    """A rate; a counter that fell began anew, since kspan was loaded again."""
    return max(now - before, 0) / seconds if seconds > 0 else None


class Column(typing.NamedTuple):
    """A column: its name, its width, how a value is printed."""

    name: str
    width: int
    text: typing.Callable


def rate_text(value):
    """A rate in at most six characters, `-` if there is none."""
    if value is None:
        return "-"
    for unit in ("", "k", "M", "G"):
        if value < 10000 or unit == "G":
            break
        value /= 1000
    return f"{value:.0f}{unit}" if value >= 10 or not value else f"{value:.1f}{unit}"


def percent(value):
    """A share."""
    return f"{100 * value:.0f}%"


SPAN_COLUMNS = [
    Column("live", 8, human), Column("held", 8, human),
    Column("waste", 6, percent), Column("use", 5, percent),
    Column("inuse", 10, str), Column("free", 9, str), Column("spans", 8, str),
    Column("partial", 8, str), Column("alloc/s", 8, rate_text),
    Column("free/s", 8, rate_text)]
COLUMNS = {
    "sizes": [Column("size", 8, str)] + SPAN_COLUMNS,
    "caches": [Column("name", -20, str), Column("size", 8, str)] + SPAN_COLUMNS,
    "heaps": [Column("name", -20, str), Column("bytes", 9, human),
              Column("objects", 10, str), Column("peak", 9, human),
              Column("asked", 9, human), Column("asked/s", 9, rate_text),
              Column("spans", 8, str), Column("limit", 9, human)],
    "sites": [Column("bytes", 9, human), Column("objects", 10, str),
              Column("bytes/s", 9, rate_text), Column("alloc/s", 9, rate_text),
              Column("total_bytes", 12, human), Column("total_objects", 14, str),
              Column("site", -1, str)],
}
SORT = {"sizes": "held", "caches": "held", "heaps": "bytes", "sites": "bytes"}
NONE = {
    "sizes": "no sizes",
    "caches": "no cache has been created",
    "heaps": "this kspan has no file 'heaps'",
    "sites": "this kspan has no file 'callsites'",
}
EMPTY = {
    "sizes": "nothing has been allocated",
    "caches": "no cache has been created",
    "heaps": "no heap has been created",
    "sites": "accounting by call site is off, or nothing was allocated since; "
             "echo 1 >/sys/kernel/debug/kspan/callsites turns it on",
}
TEXTS = ("name", "site")


def earlier(rows, key):
    """Rows of the reading before by their name; those of one name summed."""
    found = {}
    for row in rows or []:
        old = found.setdefault(row[key], {})
        for name, value in row.items():
            if name not in TEXTS:
                old[name] = old.get(name, 0) + value
    return found


def span_rows(sample, rows, before, key):
    """Rows of by_size or caches with what follows from them."""
    old = earlier(before, key)
    for row in rows:
        last = old.get(row[key])
        rates = {}
        for name, count in (("alloc/s", "nmalloc"), ("free/s", "nfree")):
            rates[name] = per_second(row[count], last[count], sample.seconds) \
                if last else None
        yield {**row, **debugfs.row_figures(row), **rates}


def rows(sample, name):
    """The rows of a view; None if this kspan does not have it."""
    now, before = sample.now, sample.before
    if name == "sizes":
        return list(span_rows(sample, now.sizes, before and before.sizes, "class"))
    if name == "caches":
        return list(span_rows(sample, now.caches, before and before.caches, "name"))
    if name == "heaps":
        if now.heaps is None:
            return None
        old = earlier(before and before.heaps, "name")
        return [{**row, "asked/s": per_second(
                    row["asked"], old[row["name"]]["asked"], sample.seconds)
                    if row["name"] in old else None} for row in now.heaps]
    if now.sites is None:
        return None
    old = earlier(before and before.sites, "site")
    return [{**row, **{rate: per_second(row[total], old[row["site"]][total],
                                        sample.seconds)
                       if row["site"] in old else None
                       for rate, total in (("bytes/s", "total_bytes"),
                                           ("alloc/s", "total_objects"))}}
            for row in now.sites]


def table(sample, name, sort, reverse):
    """The lines of a view, and which of them is the header."""
    columns = COLUMNS[name]
    found = rows(sample, name)
    if found is None:
        return [NONE[name]], 0
    # A size that was never used says nothing.
    if name == "sizes":
        found = [row for row in found if row["nmalloc"] or row["spans"]]
    if not found:
        return [EMPTY[name]], 0
    texts = sort in TEXTS
    found.sort(key=lambda row: row[sort] if texts else row[sort] or 0,
               reverse=texts == reverse)

    def line(cells):
        return " ".join(f"{cell:<{-column.width}}" if column.width < 0 else
                        f"{cell:>{column.width}}"
                        for column, cell in zip(columns, cells)).rstrip()

    def head(column):
        return column.name + "*" * (column.name == sort)

    return [line([head(column) for column in columns])] + \
        [line([column.text(row[column.name]) for column in columns])
         for row in found], 0


def metadata(stats):
    """Bytes of kspan's own structures."""
    return stats["sys"] - stats["heap_sys"]


def cached_objects(snap):
    """Free objects of all classes and caches, in magazines and in spans."""
    return sum(debugfs.row_figures(row)["free"] for row in snap.sizes + snap.caches)


def summary(sample):
    """The lines above the rows."""
    stats = sample.now.stats
    loss = debugfs.fragmentation(sample.now)
    get = stats.get

    def rates(*names):
        return "  ".join(f"{name} {rate_text(sample.rate(name))}" for name in names)

    limit = f" of {human(get('limit'))} allowed" if get("limit") else ""
    when = time.strftime("%H:%M:%S", time.localtime(sample.now.time))
    return [
        f"kspantop {when}  {stats['heap_objects']} objects live, "
        f"{human(stats['alloc'])}; from the kernel {human(stats['sys'])}{limit}",
        f"memory   in spans {human(stats['heap_inuse'])}  "
        f"idle {human(stats['heap_idle'])}  "
        f"reserve {human(get('reserve', 0))}  "
        f"metadata {human(metadata(stats))}  "
        f"ever given back {human(stats['heap_released'])}",
        f"cached   {cached_objects(sample.now)} free objects; magazines and CPU "
        f"caches {human(stats['mcache_inuse'])} of {human(stats['mcache_sys'])}",
        f"loss     in spans {percent(loss['spans'])}  idle {percent(loss['idle'])}  "
        f"idle pages scattered {percent(loss['pages'])}",
        f"a second clients: {rates('nmalloc', 'nfree')}  "
        f"spans: {rates('refill', 'flush')}",
        f"         CPUs: {rates('swap')}  kernel: {rates('grow', 'release')}",
        "faults   " + "  ".join(
            f"{name} {get(name, 0)}" for name in (
                "atomic_fail", "oom_fail", "limit_fail", "bad_free",
                "double_free", "overrun", "use_after_free", "corrupt")),
    ]


def as_json(sample):
    """Everything, for programs: shares from 0 to 1, rates a second or null."""
    stats = sample.now.stats
    return {
        "time": round(sample.now.time, 3),
        "seconds": round(sample.seconds, 3),
        "root": sample.now.root,
        "stats": stats,
        "rates": {name: sample.rate(name) for name in stats
                  if name in debugfs.COUNTERS},
        "fragmentation": debugfs.fragmentation(sample.now),
        "metadata": metadata(stats),
        "cached_objects": cached_objects(sample.now),
        "heap_use": share(stats["alloc"], stats["heap_sys"]),
        **{name: rows(sample, name) for name in COLUMNS},
    }
