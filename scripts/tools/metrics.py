# SPDX-License-Identifier: GPL-2.0
"""kspan's numbers as metric families, with types and units."""
import typing

import debugfs


class Family(typing.NamedTuple):
    """Metrics of one name.  A counter's name ends in _total, as Prometheus has it."""

    name: str
    kind: str               # "counter" or "gauge"
    help: str
    samples: list           # of (labels, value)

    @property
    def unit(self):
        """By the last word of the name, as OpenMetrics wants it."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in ("bytes", "ratio") else ""


def up(value):
    """The metric that says whether kspan could be read."""
    return Family("kspan_up", "gauge", "Whether the numbers of kspan could be read.",
                  [({}, value)])


# Name, kind, help, and where in `stats` the value is; or by label.
PLAIN = [
    ("kspan_live_bytes", "gauge", "Bytes of live objects.", "alloc"),
    ("kspan_live_objects", "gauge", "Live objects.", "heap_objects"),
    ("kspan_large_live_bytes", "gauge", "Bytes of live objects above 32 KiB.",
     "large_alloc"),
    ("kspan_allocated_bytes_total", "counter", "Bytes ever allocated.",
     "total_alloc"),
    ("kspan_allocations_total", "counter", "Objects ever allocated.", "nmalloc"),
    ("kspan_frees_total", "counter", "Objects ever freed.", "nfree"),
    ("kspan_obtained_bytes", "gauge",
     "Bytes obtained from the kernel and not given back.", "sys"),
    ("kspan_released_bytes_total", "counter", "Bytes ever given back to the kernel.",
     "heap_released"),
    ("kspan_reserve_bytes", "gauge",
     "Bytes kept ready for callers that cannot sleep.", "reserve"),
    ("kspan_limit_bytes", "gauge", "The memory_limit; 0 is none.", "limit"),
    ("kspan_cpu_caches_bytes", "gauge", "Bytes of per-CPU caches and magazines.",
     "mcache_sys"),
    ("kspan_refills_total", "counter", "Magazines filled from spans.", "refill"),
    ("kspan_flushes_total", "counter", "Magazines emptied into spans.", "flush"),
    ("kspan_swaps_total", "counter", "Magazines traded between CPUs.", "swap"),
    ("kspan_grows_total", "counter", "Chunks and regions obtained from the kernel.",
     "grow"),
    ("kspan_releases_total", "counter", "Chunks and regions given back.", "release"),
    ("kspan_shrinks_total", "counter", "Times the kernel, short of memory, asked "
     "for some back.", "shrink_runs"),
]
BY_LABEL = [
    ("kspan_heap_bytes", "gauge", "Bytes of heap pages, by what they are for.",
     "state", {"inuse": "heap_inuse", "idle": "heap_idle"}),
    ("kspan_metadata_bytes", "gauge", "Bytes of the structures of kspan, by kind.",
     "kind", {"spans": "mspan_sys", "caches": "mcache_sys",
              "profile": "buckhash_sys", "maps": "gc_sys", "other": "other_sys"}),
    ("kspan_failures_total", "counter", "Allocations that gave NULL, by reason.",
     "reason", {"atomic": "atomic_fail", "memory": "oom_fail",
                "limit": "limit_fail"}),
    ("kspan_faults_total", "counter",
     "Wrong uses of kspan and damage that were found, by kind.",
     "kind", {name: name for name in ("bad_free", "double_free", "bad_copy",
                                      "overrun", "use_after_free", "corrupt")}),
]
OF_SPANS = [
    ("live_objects", "gauge", "Live objects", "inuse"),
    ("live_bytes", "gauge", "Bytes of live objects", "live"),
    ("held_bytes", "gauge", "Bytes of the spans", "held"),
    ("free_objects", "gauge", "Free objects in magazines and spans", "free"),
    ("allocations_total", "counter", "Objects ever allocated", "nmalloc"),
    ("frees_total", "counter", "Objects ever freed", "nfree"),
]
OF_HEAPS = [
    ("live_bytes", "gauge", "Bytes of live objects", "bytes"),
    ("live_objects", "gauge", "Live objects", "objects"),
    ("peak_bytes", "gauge", "The most bytes that were live", "peak"),
    ("allocated_bytes_total", "counter", "Bytes ever allocated", "asked"),
    ("limit_bytes", "gauge", "The limit, 0 is none,", "limit"),
]


def by_row(prefix, what, label, figures, rows):
    """Families with a sample a row; rows of one name are added up."""
    for name, kind, text, field in figures:
        sums = {}
        for row in rows:
            sums[row[label[1]]] = sums.get(row[label[1]], 0) + row[field]
        if sums:
            yield Family(f"{prefix}_{name}", kind, f"{text} {what}.",
                         [({label[0]: str(key)}, value)
                          for key, value in sums.items()])


def largest(rows, field, most):
    """The rows with most of something, in their order."""
    keep = sorted(rows, key=lambda row: -row[field])[:most]
    return [row for row in rows if row in keep]


def families(snap, most):
    """All metrics of a reading."""
    stats = snap.stats
    result = [up(1)]
    for name, kind, text, field in PLAIN:
        if field in stats:
            result.append(Family(name, kind, text, [({}, stats[field])]))
    for name, kind, text, label, fields in BY_LABEL:
        samples = [({label: value}, stats[field])
                   for value, field in fields.items() if field in stats]
        if samples:
            result.append(Family(name, kind, text, samples))
    loss = debugfs.fragmentation(snap)
    result.append(Family(
        "kspan_fragmentation_ratio", "gauge",
        "Shares of memory that is not live: in spans, in idle heap pages, and how "
        "scattered the idle pages are.",
        [({"kind": kind}, round(value, 6)) for kind, value in loss.items()]))
    sizes = [{**row, **debugfs.row_figures(row)} for row in snap.sizes]
    caches = [{**row, **debugfs.row_figures(row)} for row in snap.caches]
    result.append(Family(
        "kspan_cached_bytes", "gauge",
        "Bytes of free objects in magazines and spans.",
        [({}, sum(row["free"] * row["size"] for row in sizes + caches))]))
    used = [row for row in sizes if row["nmalloc"] or row["spans"]]
    result += by_row("kspan_class", "of a size class", ("size", "size"), OF_SPANS,
                     largest(used, "held", most))
    result += by_row("kspan_cache", "of a named cache", ("cache", "name"), OF_SPANS,
                     largest(caches, "held", most))
    result += by_row("kspan_client_heap", "of a heap of a client",
                     ("heap", "name"), OF_HEAPS,
                     largest(snap.heaps or [], "bytes", most))
    return result


def escape(text):
    """A label's value."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def as_text(found, openmetrics):
    """The text format of Prometheus, or OpenMetrics."""
    lines = []
    for family in found:
        # OpenMetrics knows a counter by the name without the suffix.
        name = family.name.removesuffix("_total") if openmetrics else family.name
        lines.append(f"# HELP {name} {family.help}")
        lines.append(f"# TYPE {name} {family.kind}")
        if openmetrics and family.unit:
            lines.append(f"# UNIT {name} {family.unit}")
        for labels, value in family.samples:
            inner = ",".join(f'{key}="{escape(text)}"'
                             for key, text in labels.items())
            lines.append(f"{family.name}{{{inner}}} {value}" if inner
                         else f"{family.name} {value}")
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def as_json(found):
    """The same, by name."""
    return {family.name: [{"labels": labels, "value": value}
                          for labels, value in family.samples] for family in found}
