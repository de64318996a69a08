# SPDX-License-Identifier: GPL-2.0
"""The layout of kspan's memory, for kspan-map.

A layout is {"exact", "held", "inuse", "frames", "rows"}: bytes of heap pages, and
of those in use.  A frame has its number and its spans;
a span has its first heap page in the frame, its pages, the bytes of an object, the
share of its objects that is live, and what it is: "small", "cache", "large",
"cached" (a large object's that was freed) or "quarantined".  "have" are the runs
of heap pages of the frame that are memory at all.
"""
import debugfs
from debugfs import GROUP_PAGES, MAP_CHARS, PAGE

FRAME_PAGES = MAP_CHARS * GROUP_PAGES


def merge(runs):
    """Runs of pages, sorted, those that touch made one."""
    merged = []
    for first, pages in sorted(runs):
        if merged and merged[-1][0] + merged[-1][1] >= first:
            end = max(merged[-1][0] + merged[-1][1], first + pages)
            merged[-1][1] = end - merged[-1][0]
        else:
            merged.append([first, pages])
    return merged


def kind_of(span, sizes):
    """What a row of `spans` is, and the bytes of one of its objects."""
    if span["state"] == "quarantined":
        return "quarantined", 0
    if span["owner"] == "large":
        return ("cached" if span["state"] == "cached" else "large",
                span["pages"] * PAGE)
    if not span["class"]:
        # Its exact size is not in the file.
        return "cache", span["pages"] * PAGE // max(span["objects"], 1)
    return "small", sizes.get(span["class"], 0)


def rows_of(snap):
    """Bytes of each size and cache, live and free."""
    rows = []
    for row in snap.sizes:
        if row["spans"]:
            rows.append((debugfs.human(row["size"]), row))
    rows += [(row["name"], row) for row in snap.caches if row["spans"]]
    rows = [{"name": name, **{key: debugfs.row_figures(row)[key]
                              for key in ("live", "held", "waste")}}
            for name, row in rows]
    large = snap.stats.get("large_alloc", 0)
    if large:
        rows.append({"name": "large", "live": large, "held": large, "waste": 0.0})
    return rows


def group_room(row):
    """How many pages in use each group of a frame has, as far as it is known."""
    full = row["map"].count("#") * GROUP_PAGES
    part = row["map"].count("+")
    left = max(row["inuse"] - full, 0)
    room = []
    for char in row["map"]:
        if char == "#":
            room.append(GROUP_PAGES)
        elif char == "+":
            share = min(-(-left // part), GROUP_PAGES)
            room.append(share)
            left -= share
            part -= 1
        else:
            room.append(0)
    return room


def from_debugfs(snap):
    """The layout as far as debugfs contains it.

    `spans` is in the order of addresses, and `arenas` has how much of each MiB is
    in use.  So spans are placed one after the other where there is room.
    """
    sizes = {row["class"]: row["size"] for row in snap.sizes}
    frames, places = [], []
    for row in snap.arenas:
        frame = {"arena": row["arena"], "chunks": row["chunks"], "spans": [],
                 "have": merge((nr * GROUP_PAGES, GROUP_PAGES)
                               for nr, char in enumerate(row["map"])
                               if char != ".")}
        frames.append(frame)
        for nr, room in enumerate(group_room(row)):
            if room:
                places.append([frame, nr * GROUP_PAGES, room])
    places.reverse()
    for span in snap.spans:
        kind, size = kind_of(span, sizes)
        left = span["pages"]
        # Kept memory counts as idle, so that it has no place in the map.
        while left and places and kind != "cached":
            frame, first, room = places[-1]
            pages = min(left, room)
            frame["spans"].append({
                "first": first, "pages": pages, "size": size, "kind": kind,
                "live": debugfs.share(span["live"], span["objects"])})
            left -= pages
            places[-1][1:] = first + pages, room - pages
            if room == pages:
                places.pop()
    return {"exact": False, "frames": frames, "rows": rows_of(snap),
            "held": sum(row["inuse"] + row["idle"] for row in snap.arenas) * PAGE,
            "inuse": sum(row["inuse"] for row in snap.arenas) * PAGE}


def from_memory(kspan):
    """The layout as it is in memory: @kspan is a model.Kspan."""
    frames, held, used = {}, {}, 0

    def pieces(addr, pages):
        """Cut a run at the ends of frames."""
        page = addr // PAGE
        while pages:
            frame, first = divmod(page, FRAME_PAGES)
            part = min(pages, FRAME_PAGES - first)
            yield frames.setdefault(frame, {"chunks": 0, "spans": [],
                                            "have": []}), first, part
            page, pages = page + part, pages - part

    for chunk in kspan.chunks():
        for frame, first, pages in pieces(chunk.base, chunk.pages):
            frame["chunks"] += 1
            frame["have"].append((first, pages))
    for span in kspan.spans():
        if span.region_pages:
            for frame, first, pages in pieces(span.mem, span.region_pages):
                frame["chunks"] += 1
                frame["have"].append((first, pages))
        live = span.live_count()
        if span.word() != "cached":
            used += span.region_pages or span.pages
        for frame, first, pages in pieces(span.base, span.pages):
            frame["spans"].append({
                "first": first, "pages": pages, "size": span.size,
                "kind": span.word(), "live": debugfs.share(live, span.objects)})
        name = "large" if span.is_large else span.owner or debugfs.human(span.size)
        # Sizes first, then what has a name, then large objects.
        key = (span.is_large, bool(span.owner), 0 if span.owner or span.is_large
               else span.size, name)
        row = held.setdefault(key, {"name": name, "live": 0, "held": 0})
        row["live"] += live * span.size
        row["held"] += span.pages * PAGE
    rows = [held[key] for key in sorted(held)]
    for row in rows:
        row["waste"] = 1 - debugfs.share(row["live"], row["held"])
    for frame in frames.values():
        frame["have"] = merge(frame["have"])
    first = min(frames, default=0)
    have = sum(pages for frame in frames.values() for _, pages in frame["have"])
    return {"exact": True, "rows": rows, "held": have * PAGE, "inuse": used * PAGE,
            "frames": [
                # As the module numbers them, so that no address is shown.
                {"arena": number - first + 256, **frames[number]}
                for number in sorted(frames)]}


def series(snaps):
    """`stats` over time, from the first reading on."""
    start = snaps[0].time
    return {"seconds": [round(snap.time - start, 3) for snap in snaps],
            "stats": {name: [snap.stats.get(name, 0) for snap in snaps]
                      for name in snaps[0].stats},
            "fragmentation": {name: [round(debugfs.fragmentation(snap)[name], 4)
                                     for snap in snaps]
                              for name in ("spans", "idle", "pages")}}
