# SPDX-License-Identifier: GPL-2.0
"""kspan's structures in the memory of a kernel.

The class Kspan works on any source of memory with these methods; core.py,
kspan-drgn and kspan-gdb.py each have one:

  read(addr, size)        bytes at a virtual address; MemoryFault if there are none
  symbol(name)            the address of a variable of kspan.ko
  layout(struct)          {member: (offset, bytes)}, including the members of
                          anonymous structures and unions
  size(struct)            its bytes
  constant(name)          the value of an enumerator

NEEDS lists all members of kspan's structures that are used.  A test compares it
with the debug information of the module, to detect changes there.
"""
import functools

import debugfs

PAGE_SHIFT = 13
PAGE = 1 << PAGE_SHIFT
FRAME_SHIFT = 26
FRAME_PAGES = 1 << (FRAME_SHIFT - PAGE_SHIFT)
TABLE_BYTES = FRAME_PAGES * 8
MASK = (1 << 64) - 1
# Nodes of the kernel's xarray, whose type is not in the module: the pointer to
# the xarray, and the slots.
XA_ARRAY, XA_SLOTS, XA_SHIFT = 16, 40, 6

NEEDS = {
    "kspan_span": "base state asked magic sc kind nr_pages nr_objs nr_free "
                  "region_pages node live mem bucket",
    "kspan_large": "span",
    "kspan_class": "size magic nr_objs nr_pages mag_cap",
    "kspan_span_class": "info sc class kind name",
    "kspan_window": "base nr_frames origin",
    "kspan_chunk": "base mem bytes nr_pages node used map all",
    "kspan_page_heap": "chunks nr_chunks free_pages used_pages node",
    "kspan_slot": "ptr state",
}
CONSTANTS = """KSPAN_PTR KSPAN_DATA KSPAN_TINY KSPAN_LARGE KSPAN_NONE
    KSPAN_OBJ_FREE KSPAN_OBJ_ZEROED KSPAN_OBJ_LIVE KSPAN_OBJ_ALIGNED
    KSPAN_OBJ_REDZONED KSPAN_OBJ_OVERRUN KSPAN_OBJ_DEFERRED KSPAN_OBJ_POISONED
    KSPAN_OBJ_QUARANTINED KSPAN_OBJ_NONE KSPAN_LIFE_NONE KSPAN_LIFE_LIVE
    KSPAN_LIFE_OVERRUN KSPAN_LIFE_QUARANTINED""".split()
SYMBOLS = """kspan_window kspan_classes kspan_sc_blocks kspan_page_heaps
    kspan_null_span null_table far_frames""".split()
STATE_WORDS = {
    "FREE": "free", "ZEROED": "free, never used or zeroed", "LIVE": "live",
    "ALIGNED": "live", "REDZONED": "live", "OVERRUN": "live, written behind",
    "DEFERRED": "freed in NMI, on its way back", "POISONED": "free",
    "QUARANTINED": "quarantined", "NONE": "no object"}


class MemoryFault(debugfs.ToolError):
    """There is no such memory in the source."""


def word(data, offset=0, size=8):
    """A number in little-endian order."""
    return int.from_bytes(data[offset:offset + size], "little")


class Span:
    """A span as it was when it was read."""

    # There may be millions.
    __slots__ = ("kspan", "addr", "base", "mem", "state", "magic", "sc", "kind",
                 "live", "node", "nr_free", "bucket", "is_large", "region_pages",
                 "class_nr", "objects", "pages", "size", "info")

    def __init__(self, kspan, addr, fields):
        self.kspan = kspan
        self.addr = addr
        self.base = fields["base"]
        self.mem = fields["mem"]
        self.state = fields["state"]
        self.magic = fields["magic"]
        self.sc = fields["sc"]
        self.kind = fields["kind"]
        self.live = fields["live"]
        self.node = fields["node"]
        self.nr_free = fields["nr_free"]
        self.bucket = fields["bucket"]
        self.is_large = self.kind == kspan.value["KSPAN_LARGE"]
        self.region_pages = fields["region_pages"] if self.is_large else 0
        if self.is_large:
            self.class_nr, self.objects = 0, 1
            self.pages = fields["nr_pages"]
            self.size = self.pages * PAGE
            self.info = None
        else:
            info = kspan.class_of(self.sc)
            self.class_nr, self.objects = info["class"], fields["nr_objs"]
            self.pages, self.size = info["nr_pages"], info["size"]
            self.info = info

    @property
    def owner(self):
        """The name of the cache or heap, or None."""
        return self.kspan.owner(self.sc)

    @property
    def may_point(self):
        """Whether its objects may hold pointers."""
        return self.kind != self.kspan.value["KSPAN_DATA"] and \
            self.kind != self.kspan.value["KSPAN_TINY"]

    def states(self):
        """The state bytes of its objects and the end mark behind them."""
        return self.kspan.source.read(self.state, self.objects + 1)

    def is_live_large(self):
        """Whether a large object is a client's."""
        value = self.kspan.value
        return self.live in (value["KSPAN_LIFE_LIVE"], value["KSPAN_LIFE_OVERRUN"])

    def live_indices(self):
        """Numbers of the objects in clients' hands."""
        if self.is_large:
            return [0] if self.is_live_large() else []
        live = self.kspan.live_states
        return [nr for nr, state in enumerate(self.states()[:-1]) if state in live]

    def live_count(self):
        """Objects in clients' hands."""
        return len(self.live_indices())

    def addr_of(self, index):
        """The first byte of an object."""
        return self.base + index * self.size

    def word(self):
        """What it is, as layout.py calls it."""
        value = self.kspan.value
        if self.is_large:
            if self.live == value["KSPAN_LIFE_QUARANTINED"]:
                return "quarantined"
            return "large" if self.live != value["KSPAN_LIFE_NONE"] else "cached"
        if not self.magic and self.kind != value["KSPAN_TINY"]:
            return "quarantined"
        return "cache" if self.owner else "small"

    def text(self):
        """A line about it."""
        owner = f", of '{self.owner}'" if self.owner else ""
        if self.is_large:
            return f"large object of {self.pages} pages{owner}"
        return (f"class {self.class_nr} ({self.size} bytes), "
                f"{self.kspan.kinds[self.kind]} span of {self.pages} pages{owner}")


class Chunk:
    """A chunk as it was when it was read."""

    def __init__(self, addr, fields, data, map_offset):
        self.addr = addr
        self.base, self.mem = fields["base"], fields["mem"]
        self.bytes, self.pages = fields["bytes"], fields["nr_pages"]
        self.used = fields["used"]
        self.map = data[map_offset:map_offset + (self.pages + 7) // 8]


class Kspan:
    """All of it."""

    def __init__(self, source):
        self.source = source
        self.fields = {}
        for struct, names in NEEDS.items():
            layout = source.layout(struct)
            for name in names.split():
                if name not in layout:
                    raise debugfs.ToolError(
                        f"this kspan's struct {struct} has no member {name}: "
                        "the tools and kspan.ko are of different versions")
            self.fields[struct] = layout
        self.sizes = {struct: source.size(struct) for struct in NEEDS}
        self.value = {name: source.constant(name) for name in CONSTANTS}
        self.kinds = {self.value[f"KSPAN_{name}"]: text for name, text in (
            ("PTR", "pointer"), ("DATA", "data"), ("TINY", "tiny"),
            ("LARGE", "large"))}
        self.live_states = {self.value[f"KSPAN_OBJ_{name}"] for name in (
            "LIVE", "ALIGNED", "REDZONED", "OVERRUN")}
        self.free_states = {self.value[f"KSPAN_OBJ_{name}"] for name in (
            "FREE", "ZEROED", "POISONED")}
        self.words = {self.value[f"KSPAN_OBJ_{name}"]: text
                      for name, text in STATE_WORDS.items()}

    def forget(self):
        """Read everything anew from here on."""
        for method in (self.dynamic, self.class_of, self.span_at):
            method.cache_clear()

    def read_struct(self, struct, addr):
        """The members of a structure that are numbers, and its bytes."""
        data = self.source.read(addr, self.sizes[struct])
        fields = {name: word(data, offset, size)
                  for name, (offset, size) in self.fields[struct].items()
                  if size <= 8}
        return fields, data

    def pointer(self, addr):
        """The pointer at an address."""
        return word(self.source.read(addr, 8))

    def text(self, addr, most=64):
        """The string at an address."""
        try:
            data = self.source.read(addr, most)
        except MemoryFault:
            # It may stand at the end of memory.
            data = self.source.read(addr, -addr % 4096 or most)
        return data.split(b"\0")[0].decode("utf-8", "replace")

    # --- span classes ---------------------------------------------------------

    @functools.lru_cache(None)
    def nr_static(self):
        """Span classes that have no structure of their own."""
        first = self.source.symbol("kspan_classes")
        # The array ends where the divisor does not fit the size any more.
        nr = 1
        while True:
            try:
                info = self.read_struct("kspan_class",
                                        first + nr * self.sizes["kspan_class"])[0]
            except MemoryFault:
                return nr
            if not info["size"] or \
                    info["magic"] != 0xffffffff // info["size"] + 1:
                return nr
            nr += 1

    @functools.lru_cache(None)
    def dynamic(self, sc):
        """The structure of a dynamic span class, or None."""
        block = self.pointer(self.source.symbol("kspan_sc_blocks") + sc // 256 * 8)
        addr = self.pointer(block + sc % 256 * 8) if block else 0
        if not addr:
            return None
        fields = self.read_struct("kspan_span_class", addr)[0]
        info = self.fields["kspan_span_class"]["info"][0]
        return {**self.read_struct("kspan_class", addr + info)[0],
                "class": fields["class"],
                "name": self.text(fields["name"]) if fields["name"] else None}

    @functools.lru_cache(None)
    def class_of(self, sc):
        """The figures of a span class."""
        if sc >= self.nr_static():
            info = self.dynamic(sc)
            if not info:
                raise debugfs.ToolError(f"a span of class {sc}, which does not exist")
            return info
        addr = self.source.symbol("kspan_classes") + sc * self.sizes["kspan_class"]
        fields = self.read_struct("kspan_class", addr)[0]
        nr_classes = (self.nr_static() - 2) // 2
        # The tiny one comes last, and its blocks are of the second class.
        number = 2 if sc > 2 * nr_classes else (sc - 1) % nr_classes + 1
        return {**fields, "class": number, "name": None}

    def owner(self, sc):
        """The cache's or heap's name, or None."""
        if sc < self.nr_static():
            return None
        info = self.dynamic(sc)
        return info["name"] if info else "(destroyed)"

    # --- the arena map --------------------------------------------------------

    def tables(self):
        """Yield (address of the frame, its table) in the order of addresses."""
        null_table = self.pointer(self.source.symbol("null_table"))
        window = self.pointer(self.source.symbol("kspan_window"))
        fields = self.read_struct("kspan_window", window)[0]
        origin = self.fields["kspan_window"]["origin"][0]
        data = self.source.read(window + origin, fields["nr_frames"] * 8) \
            if fields["nr_frames"] else b""
        found = dict(self.far_tables())
        for nr in range(fields["nr_frames"]):
            addr = (fields["base"] + (nr << FRAME_SHIFT)) & MASK
            table = (word(data, nr * 8) + (addr >> FRAME_SHIFT) * TABLE_BYTES) & MASK
            if table != null_table:
                found[addr] = table
        return sorted(found.items())

    def far_tables(self):
        """Yield those that stand in the xarray."""
        xarray = self.source.symbol("far_frames")
        # After a lock and flags comes the head; see struct xarray.
        head = self.pointer(xarray + 8)

        def walk(entry, index, shift):
            if entry & 3 != 2:
                if entry:
                    yield index << FRAME_SHIFT & MASK, entry
                return
            node = entry - 2
            data = self.source.read(node, XA_SLOTS + (8 << XA_SHIFT))
            if word(data, XA_ARRAY) != xarray:
                raise debugfs.ToolError("this kernel has xarrays of another sort")
            shift = data[0]
            for slot in range(1 << XA_SHIFT):
                yield from walk(word(data, XA_SLOTS + slot * 8),
                                index + (slot << shift), shift)

        yield from walk(head, 0, 0)

    def entries(self):
        """Yield (address of a heap page, address of its span's descriptor)."""
        null_span = self.source.symbol("kspan_null_span")
        for addr, table in self.tables():
            data = memoryview(self.source.read(table, TABLE_BYTES)).cast("Q")
            for nr, span in enumerate(data):
                if span != null_span:
                    yield addr + (nr << PAGE_SHIFT), span

    @functools.lru_cache(1 << 16)
    def span_at(self, addr):
        """The span with that descriptor, or None if it is a marker."""
        fields = self.read_struct("kspan_span", addr)[0]
        if fields["kind"] not in self.kinds:
            return None
        return Span(self, addr, fields)

    def spans(self):
        """Yield every span once, in the order of addresses."""
        last = None
        for page, addr in self.entries():
            if addr == last:
                continue
            last = addr
            span = self.span_at(addr)
            # A region may begin in the middle of a heap page.
            if span and span.base & -PAGE == page:
                yield span

    def find(self, addr):
        """The span whose page an address is in: a Span, a word, or None."""
        frame = addr >> FRAME_SHIFT << FRAME_SHIFT
        table = dict(self.tables()).get(frame)
        if not table:
            return None
        entry = self.pointer(table + (addr - frame >> PAGE_SHIFT) * 8)
        if entry == self.source.symbol("kspan_null_span"):
            return None
        return self.span_at(entry) or "idle"

    # --- the page heap --------------------------------------------------------

    def list_of(self, head, offset):
        """Yield the structures in a list by the offset of their list_head."""
        entry, seen = self.pointer(head), set()
        while entry != head:
            if entry in seen:
                raise debugfs.ToolError("a list of kspan's ends in a circle")
            seen.add(entry)
            yield entry - offset
            entry = self.pointer(entry)

    def page_heaps(self):
        """Yield the address of each node's."""
        heaps = self.source.symbol("kspan_page_heaps")
        # Nodes are numbered from 0 on, with few gaps.
        for node in range(64):
            try:
                heap = self.pointer(heaps + node * 8)
            except MemoryFault:
                return
            if not heap or heap < 1 << 63:
                continue
            try:
                fields = self.read_struct("kspan_page_heap", heap)[0]
            except MemoryFault:
                continue
            if fields["node"] == node:
                yield heap

    def chunks(self):
        """Yield every chunk."""
        chunk = self.fields["kspan_chunk"]
        for heap in self.page_heaps():
            head = heap + self.fields["kspan_page_heap"]["chunks"][0]
            for addr in self.list_of(head, chunk["all"][0]):
                fields, data = self.read_struct("kspan_chunk", addr)
                yield Chunk(addr, fields, data, chunk["map"][0])

    # --- questions ------------------------------------------------------------

    def describe(self, addr):
        """What is at an address, in a sentence."""
        span = self.find(addr)
        if span is None:
            return f"{addr:#x}: not kspan's"
        if span == "idle":
            return f"{addr:#x}: a heap page that no object lies in"
        if span.is_large:
            state = "live" if span.is_live_large() else "freed, kept for reuse" \
                if span.word() == "cached" else "freed"
            return (f"{addr:#x}: byte {addr - span.base} of {span.size} of a "
                    f"{state} {span.text()}, which begins at {span.base:#x}")
        index = (addr - span.base) // span.size
        if index >= span.objects:
            return f"{addr:#x}: behind the last object, {span.text()}"
        state = span.states()[index]
        where = ""
        if state in self.free_states:
            where = ", in its span" if self.bit(span, index) else ", in a magazine"
        return (f"{addr:#x}: byte {addr - span.addr_of(index)} of object {index} of "
                f"{span.objects} at {span.addr_of(index):#x}, "
                f"{self.words.get(state, f'state {state}')}{where}, {span.text()}")

    def bit(self, span, index):
        """Whether an object lies free in its span."""
        return self.bitmap(span) >> index & 1

    def bitmap(self, span):
        """The bitmap of a span, as a number."""
        start = span.state + (span.objects + 1 + 7 & -8)
        size = (span.objects + 63) // 64 * 8
        return word(self.source.read(start, size), 0, size) & (1 << span.objects) - 1

    def live_objects(self, wanted=None):
        """Yield (address, span) of every live object, or of the spans @wanted."""
        for span in self.spans():
            if wanted is None or wanted(span):
                for index in span.live_indices():
                    yield span.addr_of(index), span

    def holders(self):
        """[(bytes, objects, spans, name)] by cache, heap and class, most first."""
        sums = {}
        for span in self.spans():
            if span.is_large:
                name = "large objects"
            else:
                name = f"{span.size} bytes"
            if span.owner:
                name = f"{span.owner}, {name}"
            total = sums.setdefault(name, [0, 0, 0])
            live = span.live_count()
            total[0] += live * span.size
            total[1] += live
            total[2] += 1
        return sorted(((*total, name) for name, total in sums.items()), reverse=True)

    def check_span(self, span):
        """Yield what is wrong with a small span."""
        states = span.states()
        if span.word() == "quarantined":
            return
        if span.objects != span.info["nr_objs"]:
            yield "wrong number of objects for its class"
        if span.kind != self.value["KSPAN_TINY"] and \
                span.magic != span.info["magic"]:
            yield "wrong divisor for its class"
        if states[-1] != self.value["KSPAN_OBJ_NONE"]:
            yield "no end mark behind the object states"
        bits = self.bitmap(span)
        if bin(bits).count("1") != span.nr_free:
            yield "free count differs from the bitmap"
        for nr, state in enumerate(states[:-1]):
            if state > self.value["KSPAN_OBJ_QUARANTINED"]:
                yield f"object {nr} has the unknown state {state}"
            elif bits >> nr & 1 and state not in self.free_states:
                yield f"object {nr} is both in the span and in use"

    def verify(self):
        """Walk everything.  Return: (numbers of what was seen, what is wrong)."""
        wrong, seen = [], {"spans": 0, "objects": 0, "live": 0, "chunks": 0,
                           "pages": 0}
        in_spans, last = 0, None
        for page, addr in self.entries():
            span = self.span_at(addr)
            if not span:
                continue
            start = span.mem if span.region_pages else span.base
            pages = span.region_pages or span.pages
            if not start - PAGE < page < start + pages * PAGE:
                wrong.append(f"page {page:#x} leads to the span {addr:#x}, "
                             "which it is not part of")
            if addr == last or span.base & -PAGE != page:
                continue
            last = addr
            seen["spans"] += 1
            seen["objects"] += span.objects
            if not span.region_pages:
                in_spans += span.pages
            if span.is_large:
                seen["live"] += span.is_live_large()
                continue
            seen["live"] += span.live_count()
            wrong += [f"span {addr:#x}: {text}" for text in self.check_span(span)]
        used = 0
        for chunk in self.chunks():
            seen["chunks"] += 1
            seen["pages"] += chunk.pages
            used += chunk.used
            if bin(word(chunk.map, 0, len(chunk.map))).count("1") != chunk.used:
                wrong.append(f"chunk {chunk.addr:#x}: pages in use differ from "
                             "the bitmap")
        if used != in_spans:
            wrong.append(f"{used} pages in use, but {in_spans} in spans")
        return seen, wrong
