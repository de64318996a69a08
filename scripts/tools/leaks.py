# SPDX-License-Identifier: GPL-2.0
"""Find live objects without pointers to them, and pointers to an address.

All physical memory is searched for words that are addresses in a live object:
first outside kspan's own memory, then in the objects that were found that way, and
so on.  An object that is never found is lost.  Any word counts that looks like a
pointer, to any byte of an object.  Therefore
the search may miss a lost object, if an old copy of a pointer is left in memory that
is not in use.  It reports an object in use only if its owner stores the pointer in
another form.

Pointers in the structures of kspan and of vmalloc() do not count.  A slot of a
magazine and a descriptor of a span are recognized by the next word, which is the
address of the object's state byte.  The memory of descriptors of large objects and
chunks is left out.  The structures of vmalloc() are recognized by the next word,
which is the size or the end of the area.

A span needs 450 bytes here and an object 2.
"""
import sys
import time

import numpy

import debugfs
from model import MASK, MemoryFault

BLOCK = 4 << 20
BATCH = 4096            # objects that are searched at a time
GAP = 1 << 30           # between two ranges of addresses
SPAN_CACHE = 256        # spans whose content is kept while they are searched
WORD = numpy.dtype("<u8")


class Progress:
    """A line on a terminal that says how far a search is."""

    def __init__(self, what, total, shown=None):
        self.what, self.total, self.done = what, total, 0
        self.shown = sys.stderr.isatty() if shown is None else shown
        self.begun = self.last = time.monotonic()

    def add(self, nr):
        """So much more was done."""
        self.done += nr
        now = time.monotonic()
        if self.shown and now - self.last >= 1:
            self.last = now
            print(f"\r{self.what}: {debugfs.human(self.done)} of "
                  f"{debugfs.human(self.total)}, {now - self.begun:.0f} s ",
                  end="", file=sys.stderr, flush=True)

    def end(self):
        """Leave no half line."""
        if self.shown:
            print(file=sys.stderr)


class Objects:
    """All objects of kspan at one moment, in arrays."""

    def __init__(self, kspan):
        self.kspan = kspan
        kspan.forget()
        self.spans = sorted(kspan.spans(), key=lambda span: span.base)
        self.chunks = list(kspan.chunks())
        nr = len(self.spans)

        def array(value):
            return numpy.fromiter(map(value, self.spans), WORD, nr)

        self.base = array(lambda span: span.base)
        self.size = array(lambda span: span.size)
        self.count = array(lambda span: span.objects)
        # Of a large object the word is not the address of a state.
        self.state = array(lambda span: 0 if span.is_large else span.state)
        self.end = self.base + self.size * self.count
        self.first = numpy.concatenate(([0], numpy.cumsum(self.count))).astype(int)
        self.live = numpy.zeros(self.first[-1], bool)
        is_live = numpy.zeros(256, bool)
        is_live[list(kspan.live_states)] = True
        for at, span in enumerate(self.spans):
            mine = slice(self.first[at], self.first[at + 1])
            if span.is_large:
                self.live[mine] = span.is_live_large()
            else:
                states = numpy.frombuffer(span.states(), numpy.uint8)
                self.live[mine] = is_live[states[:-1]]
        self.seen = numpy.zeros(self.first[-1], bool)
        self.ranges = self.find_ranges()
        self.areas = self.find_areas()

    def find_ranges(self):
        """The few ranges of addresses that all objects lie in."""
        ranges = []
        for base, end in zip(self.base.tolist(), self.end.tolist()):
            if ranges and base - ranges[-1][1] < GAP:
                ranges[-1][1] = max(end, ranges[-1][1])
            else:
                ranges.append([base, end])
        return ranges

    def find_areas(self):
        """{address: bytes} of what vmalloc() gave."""
        areas = {chunk.mem: chunk.bytes for chunk in self.chunks}
        areas.update((span.mem, span.region_pages << 13) for span in self.spans
                     if span.region_pages)
        return areas

    def in_ranges(self, words):
        """Places of the words that are addresses in the ranges."""
        found = numpy.zeros(len(words), bool)
        for low, high in self.ranges:
            # One comparison: what is below wraps around.
            found |= words - numpy.uint64(low) < numpy.uint64(high - low)
        return numpy.flatnonzero(found)

    def slots(self, addresses):
        """(places of those in an object, numbers of the objects, their spans)."""
        span = numpy.searchsorted(self.base, addresses, "right").astype(int) - 1
        inside = numpy.flatnonzero((span >= 0) & (addresses < self.end[span]))
        span = span[inside]
        index = (addresses[inside] - self.base[span]) // self.size[span]
        return inside, self.first[span] + index.astype(int), span

    def pointers(self, words):
        """(places, objects) of the words that are pointers to live objects.

        The last word only serves as the neighbour of the one before.
        """
        places = self.in_ranges(words[:-1])
        if not len(places):
            return places, places
        inside, slot, span = self.slots(words[places])
        places = places[inside]
        behind = words[places + 1]
        index = (slot - self.first[span]).astype(WORD)
        own = (self.state[span] != 0) & (behind == self.state[span] + index)
        keep = numpy.flatnonzero(self.live[slot] & ~own)
        keep = [at for at in keep.tolist()
                if not self.is_area(int(words[places[at]]), int(behind[at]))]
        return places[keep], slot[keep]

    def is_area(self, addr, behind):
        """Whether two words are the begin and the size or the end of an area."""
        size = self.areas.get(addr)
        if size is None:
            return False
        # vmalloc() rounds the size up, and adds a guard page.
        return any(0 <= length - size <= size // 4 + 65536
                   for length in (behind, behind - addr))

    def address(self, slot):
        """The address of an object by its number."""
        at = int(numpy.searchsorted(self.first, slot, "right")) - 1
        return self.spans[at].addr_of(slot - int(self.first[at])), self.spans[at]


class Search:
    """A search of all memory."""

    def __init__(self, core, objects, progress=None):
        self.core, self.objects = core, objects
        self.progress = progress
        self.contents = {}
        self.skip = self.own_memory()

    def own_memory(self):
        """Runs of physical memory that are kspan's, [(first, end)]."""
        runs = []

        def add(addr, size):
            while size > 0:
                try:
                    physical, left = self.core.translate(addr)
                except MemoryFault:
                    physical, left = None, 4096 - addr % 4096
                left = min(left, size)
                if physical is not None:
                    runs.append((physical, physical + left))
                addr, size = addr + left, size - left

        for mem, size in self.objects.areas.items():
            add(mem, size)
        for chunk in self.objects.chunks:
            add(chunk.addr, 24)
        large = self.objects.kspan.sizes["kspan_large"]
        for span in self.objects.spans:
            if span.is_large:
                add(span.addr, large)
        merged = []
        for first, end in sorted(runs):
            if merged and first <= merged[-1][1]:
                merged[-1][1] = max(end, merged[-1][1])
            else:
                merged.append([first, end])
        return merged

    def outside(self):
        """Yield (physical address, words, one more behind) of all other memory."""
        done = 0
        total = sum(size for _, _, size in self.core.physical)
        bar = Progress("searched", total, self.progress)
        skip = iter(self.skip + [[MASK, MASK]])
        low, high = next(skip)
        covered = 0
        for first, _, size in self.core.physical:
            at, end = max(first, covered) + 7 & -8, first + size
            covered = max(covered, end)
            while at < end:
                while high <= at:
                    low, high = next(skip)
                if low <= at:
                    at = high
                    continue
                part = min(BLOCK, end - at, low - at) & -8
                words = self.words(at, part, min(end, low))
                if words is not None:
                    yield at, words
                at += max(part, 8)
                bar.add(part)
                done += part
        bar.end()
        self.searched = done

    def words(self, at, size, end):
        """Words at a physical address, and one more that may be 0."""
        try:
            data = self.core.read_physical(at, min(size + 8, end - at & -8))
        except (OSError, MemoryFault):
            # A hole, or memory that went away: what can be read of it.
            data = b"".join(self.page(at + step, min(4096, size - step))
                            for step in range(0, size, 4096))
        if len(data) < size + 8:
            data += bytes(size + 8 - len(data))
        return numpy.frombuffer(data, WORD)

    def page(self, at, size):
        """Part of a page, zeros if there is none."""
        try:
            return self.core.read_physical(at, size)
        except (OSError, MemoryFault):
            return bytes(size)

    def registers(self):
        """Words of the CPUs' registers, where a dump has them."""
        for name, _, data in self.core.notes:
            if name in ("CORE", "QEMU"):
                # They may be aligned to 4 bytes only.
                for start in (0, 4):
                    part = data[start:]
                    part = part[:len(part) & -8] + bytes(8)
                    yield numpy.frombuffer(part, WORD)

    def content(self, at):
        """The words of a span, as many for each object."""
        if at not in self.contents:
            if len(self.contents) >= SPAN_CACHE:
                self.contents.pop(next(iter(self.contents)))
            span = self.objects.spans[at]
            try:
                data = self.core.read(span.base, span.size * span.objects)
            except MemoryFault:
                data = bytes(span.size * span.objects)
            self.contents[at] = numpy.frombuffer(data, WORD)
        return self.contents[at]

    def within(self, slots):
        """Yield (object, words, one more) for objects that may hold pointers."""
        first = self.objects.first
        for slot in slots:
            at = int(numpy.searchsorted(first, slot, "right")) - 1
            span = self.objects.spans[at]
            if not span.may_point:
                continue
            length = span.size // 8
            start = (slot - int(first[at])) * length
            words = self.content(at)[start:start + length]
            yield slot, numpy.append(words, numpy.zeros(1, WORD))

    def together(self, slots):
        """Yield words of many objects that may hold pointers, one more behind."""
        first = self.objects.first
        slots = numpy.sort(numpy.array(slots, int))
        spans = numpy.searchsorted(first, slots, "right") - 1
        parts, length = [numpy.zeros(1, WORD)], 0
        for at in numpy.unique(spans).tolist():
            span = self.objects.spans[at]
            if not span.may_point:
                continue
            rows = self.content(at).reshape(span.objects, -1)
            parts.append(rows[slots[spans == at] - first[at]].ravel())
            length += len(parts[-1])
            if length > BLOCK:
                yield numpy.concatenate(parts[1:] + parts[:1])
                parts, length = parts[:1], 0
        if length:
            yield numpy.concatenate(parts[1:] + parts[:1])

    def reach(self):
        """Mark all objects that are found, beginning outside."""
        seen = self.objects.seen
        pending = []

        def mark(words):
            _, slots = self.objects.pointers(words)
            new = numpy.unique(slots[~seen[slots]])
            seen[new] = True
            pending.extend(new.tolist())

        for _, words in self.outside():
            mark(words)
        for words in self.registers():
            mark(words)
        while pending:
            batch, pending[-BATCH:] = pending[-BATCH:], []
            for words in self.together(batch):
                mark(words)

    def lost(self):
        """Numbers of the live objects that were not reached."""
        return numpy.flatnonzero(self.objects.live & ~self.objects.seen).tolist()

    def heads(self, lost):
        """Those of the lost objects that no other lost one points to."""
        pointed = set()
        for slot, words in self.within(lost):
            _, slots = self.objects.pointers(words)
            pointed.update(other for other in slots.tolist() if other != slot)
        return set(lost) - pointed


def find(core, make_kspan, passes, progress=None):
    """Search once, or several times while the kernel runs.

    An object is lost only if every pass has found it lost.  Return: (list of
    (address, span, whether it is a head), numbers for the summary).
    """
    lost = None
    for _ in range(passes):
        objects = Objects(make_kspan())
        search = Search(core, objects, progress)
        search.reach()
        slots = search.lost()
        heads = search.heads(slots)
        now = {}
        for slot in slots:
            addr, span = objects.address(slot)
            now[addr, span.size] = (addr, span, slot in heads)
        lost = now if lost is None else {key: now[key] for key in now if key in lost}
    return list(lost.values()), {
        "live": int(objects.live.sum()), "spans": len(objects.spans),
        "reached": int((objects.seen & objects.live).sum()),
        "searched": search.searched}


def references(core, kspan, addr, progress=None):
    """Find the pointers to the object that contains an address, or to the address.

    Yield (where, address of the reference, its target).
    """
    objects = Objects(kspan)
    low, high = addr, addr + 1
    inside, _, spans = objects.slots(numpy.array([addr], WORD))
    if len(inside):
        span = objects.spans[int(spans[0])]
        low = span.addr_of((addr - span.base) // span.size)
        high = low + span.size
    search = Search(core, objects, progress)

    def hits(words):
        found = words[:-1] - numpy.uint64(low) < numpy.uint64(high - low)
        return numpy.flatnonzero(found).tolist()

    def own(words, at):
        """Whose a pair of words is, if it is kspan's or vmalloc()'s."""
        pair = words[at:at + 2]
        inside, slot, span = objects.slots(pair[:1])
        if objects.is_area(int(pair[0]), int(pair[1])):
            return "vmalloc's area"
        if len(inside) and objects.state[span[0]] and int(pair[1]) == \
                int(objects.state[span[0]]) + int(slot[0] - objects.first[span[0]]):
            return "a magazine or span descriptor of kspan's"
        return None

    for physical, words in search.outside():
        for at in hits(words):
            yield (own(words, at) or "memory", "physical",
                   physical + at * 8, int(words[at]))
    for words in search.registers():
        for at in hits(words):
            yield "a register of a CPU", "", None, int(words[at])
    for nr, span in enumerate(objects.spans):
        if not span.may_point:
            continue
        words = numpy.append(search.content(nr), numpy.zeros(1, WORD))
        for at in hits(words):
            if objects.live[int(objects.first[nr]) + at * 8 // span.size]:
                yield span.text(), "object", span.base + at * 8, int(words[at])
