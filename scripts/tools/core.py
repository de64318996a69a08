# SPDX-License-Identifier: GPL-2.0
"""Memory of a kernel: /proc/kcore, a vmcore of kdump, or a dump by QEMU.

Only x86-64 in ELF form is supported, as makedumpfile -E and QEMU's
dump-guest-memory write it.  The debug information of the kernel is not needed:
VMCOREINFO and the kernel's symbol table suffice.  That of kspan is in kspan.ko.
"""
import bisect
import os
import pathlib
import re
import struct

import debugfs
import model
from model import MASK, MemoryFault, word

KCORE = "/proc/kcore"
PT_LOAD, PT_NOTE, EM_X86_64 = 1, 4, 62
PHYS = (1 << 52) - 4096         # the address in an entry of a page table
# The addresses that the kernel and its modules are mapped at.
KERNEL_MAP = 0xffffffff80000000
MODULES = (0xffffffffc0000000, 0xffffffffff000000)
LINE = 64                       # struct module is aligned to a cache line
SYM = struct.Struct("<IBBHQQ")


class Core:
    """Memory by physical and by virtual address."""

    def __init__(self, path):
        self.path = path
        self.live = path == KCORE
        try:
            self.file = open(path, "rb", buffering=0)
        except PermissionError:
            raise debugfs.ToolError(
                f"no right to read {path}; try sudo") from None
        except OSError as error:
            raise debugfs.ToolError(f"cannot read {path}: {error.strerror}") from None
        self.loads = []         # (virtual, physical or None, offset, bytes)
        self.notes = []         # (name, type, data)
        self.read_headers()
        self.physical = sorted((load[1], load[2], load[3]) for load in self.loads
                               if load[1] is not None)
        self.virtual = sorted((load[0], load[2], load[3]) for load in self.loads
                              if load[0])
        self.pages = {}
        self.info = self.vmcoreinfo()
        self.root = self.page_table()
        self.kernel = None
        self.modules = None

    def at(self, offset, size):
        """Bytes of the file."""
        data = os.pread(self.file.fileno(), size, offset)
        if len(data) != size:
            raise MemoryFault(f"{self.path} ends at {offset + len(data)}: it is cut off")
        return data

    def read_headers(self):
        """The ELF header, the program headers, the notes."""
        head = os.pread(self.file.fileno(), 64, 0)
        if head[:8] == b"KDUMP   " or head[:12] == b"makedumpfile":
            raise debugfs.ToolError(
                f"{self.path} is compressed; makedumpfile -E makes an ELF file of it")
        if not head:
            raise debugfs.ToolError(f"{self.path} is empty")
        if head[:6] != b"\x7fELF\x02\x01" or word(head, 16, 2) != 4:
            raise debugfs.ToolError(f"{self.path} is no dump of a kernel's memory")
        if word(head, 18, 2) != EM_X86_64:
            raise debugfs.ToolError(f"{self.path} is not of an x86-64 machine")
        start, size, nr = word(head, 32), word(head, 54, 2), word(head, 56, 2)
        for i in range(nr):
            kind, _, offset, virt, phys, filesz, _, _ = struct.unpack(
                "<IIQQQQQQ", self.at(start + i * size, 56))
            if kind == PT_NOTE:
                self.notes += self.parse_notes(self.at(offset, filesz))
            elif kind == PT_LOAD and filesz:
                # /proc/kcore has -1 or 0 for what has no one physical address.
                known = phys != MASK and (phys or not self.live)
                self.loads.append((virt, phys if known else None, offset, filesz))
        if not self.loads:
            raise debugfs.ToolError(f"{self.path} has no memory in it")

    @staticmethod
    def parse_notes(data):
        """Yield (name, type, content)."""
        at = 0
        while at + 12 <= len(data):
            name_size, size, kind = struct.unpack_from("<III", data, at)
            name = data[at + 12:at + 12 + name_size].rstrip(b"\0").decode("latin1")
            at += 12 + (name_size + 3 & ~3)
            yield name, kind, data[at:at + size]
            at += size + 3 & ~3

    # --- physical and virtual memory ------------------------------------------

    def read_physical(self, addr, size):
        """Bytes at a physical address."""
        at = bisect.bisect_right(self.physical, (addr, MASK, MASK)) - 1
        if at >= 0:
            first, offset, length = self.physical[at]
            if addr + size <= first + length:
                return self.at(offset + addr - first, size)
        raise MemoryFault(f"no memory at the physical address {addr:#x}")

    def translate(self, addr):
        """(physical address, bytes to the end of its page)."""
        shift = 48 if self.info.get("NUMBER(pgtable_l5_enabled)") == "1" else 39
        table = self.root
        while True:
            if table is None:
                break
            entry = self.entry(table, addr >> shift & 511)
            if not entry & 1:
                break
            if shift == 12 or entry & 0x80 and shift <= 30:
                size = 1 << shift
                return (entry & PHYS & -size) | addr & size - 1, size - addr % size
            table = entry & PHYS
            shift -= 9
        raise MemoryFault(f"no memory at {addr:#x}")

    def entry(self, table, index):
        """An entry of a page table."""
        if table not in self.pages:
            if len(self.pages) > 4096:
                self.pages.clear()
            self.pages[table] = memoryview(self.read_physical(table, 4096)).cast("Q")
        return self.pages[table][index]

    def read(self, addr, size):
        """Bytes at a virtual address."""
        at = bisect.bisect_right(self.virtual, (addr, MASK, MASK)) - 1
        if at >= 0:
            first, offset, length = self.virtual[at]
            if first <= addr and addr + size <= first + length:
                try:
                    return self.at(offset + addr - first, size)
                except OSError:
                    raise MemoryFault(f"no memory at {addr:#x}") from None
        parts = []
        while size:
            physical, length = self.translate(addr)
            length = min(length, size)
            parts.append(self.read_physical(physical, length))
            addr, size = addr + length, size - length
        return b"".join(parts)

    # --- what the kernel says of itself ---------------------------------------

    def vmcoreinfo(self):
        """VMCOREINFO as a dictionary, from its note or from its page."""
        for name, _, data in self.notes:
            if name == "VMCOREINFO":
                return self.parse_info(data)
        for first, offset, length in self.physical:
            for at in range(-first % 4096, length - 4095, 4096):
                if self.at(offset + at, 10) == b"OSRELEASE=":
                    return self.parse_info(self.at(offset + at, 4096))
        raise debugfs.ToolError(f"{self.path} is not of a Linux kernel, "
                                "or of one that was not up yet")

    @staticmethod
    def parse_info(data):
        """Lines of NAME=VALUE."""
        text = data.split(b"\0")[0].decode("latin1")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def page_table(self):
        """The physical address of the kernel's page table."""
        try:
            virt = int(self.info["SYMBOL(swapper_pg_dir)"], 16)
            base = int(self.info["NUMBER(phys_base)"])
        except (KeyError, ValueError):
            raise debugfs.ToolError("the kernel does not say where its page "
                                    "table is; only x86-64 is known") from None
        return virt - KERNEL_MAP + base

    def mapped(self, start, end):
        """Yield (address, bytes) of the pages that are mapped there."""
        addr = start
        while addr < end:
            try:
                _, left = self.translate(addr)
                yield addr, left
                addr += left
            except MemoryFault:
                # Whole tables that are missing are passed at once.
                step = 4096
                for shift in (21, 30):
                    if addr % (1 << shift) == 0 and self.is_hole(addr, shift):
                        step = 1 << shift
                addr += step

    def is_hole(self, addr, shift):
        """Whether nothing is mapped in an area of that size."""
        level = 48 if self.info.get("NUMBER(pgtable_l5_enabled)") == "1" else 39
        table = self.root
        while level >= shift:
            entry = self.entry(table, addr >> level & 511)
            if not entry & 1:
                return True
            table = entry & PHYS
            level -= 9
        return False

    def symbols(self):
        """The kernel's symbols, {name: address}, once they are asked for."""
        if self.kernel is None:
            self.kernel = self.read_kallsyms()
        return self.kernel

    def image_address(self, physical):
        """The virtual address in the kernel's image or in a module, or None."""
        virt = physical - int(self.info["NUMBER(phys_base)"]) + KERNEL_MAP
        symbols = self.symbols()
        if symbols.get("_text", MASK) <= virt < symbols.get("_end", 0):
            return virt
        page = self.module_pages().get(physical & -4096)
        return page + physical % 4096 if page else None

    def module_pages(self):
        """{physical page: virtual address} of the memory of modules."""
        if self.modules is None:
            self.modules = {}
            for addr, size in self.mapped(*MODULES):
                first = self.translate(addr)[0] & -4096
                for step in range(0, size, 4096):
                    self.modules[first + step] = (addr & -4096) + step
        return self.modules

    def read_kallsyms(self):
        """Unpack the kernel's table of symbols; {} if it cannot be read."""
        def where(name):
            return int(self.info[f"SYMBOL(kallsyms_{name})"], 16)

        try:
            nr = word(self.read(where("num_syms"), 4))
            tokens = self.read(where("token_table"), 4096)
            index = memoryview(self.read(where("token_index"), 512)).cast("H")
            offsets = memoryview(self.read(where("offsets"), 4 * nr)).cast("i")
            base = word(self.read(where("relative_base"), 8))
            names = self.read(where("names"), 24 * nr)
        except (KeyError, ValueError, MemoryFault):
            return {}
        texts = [tokens[at:tokens.index(b"\0", at)] for at in index]
        found, at = {}, 0
        for offset in offsets:
            size = names[at]
            at += 1
            if size & 0x80:
                size = size & 0x7f | names[at] << 7
                at += 1
            name = b"".join(texts[token] for token in names[at:at + size])
            at += size
            # Up to 6.14 per-CPU symbols are absolute, and others count down.
            addr = base - 1 - offset if offset < 0 else offset
            found[name[1:].decode("latin1")] = addr & MASK
        return found


class Source:
    """kspan's memory and types, for model.Kspan."""

    def __init__(self, core, types):
        self.core = core
        self.types = types
        self.read = core.read
        self.layout = types.layout
        self.size = types.size
        self.constant = types.constant
        self.module = None      # the address of its struct module
        self.variables = self.find_module()
        self.sorted = None

    def symbol(self, name):
        """The address of a variable of the module."""
        if name not in self.variables:
            raise debugfs.ToolError(f"the kernel's table of symbols has no {name} of "
                                    "kspan's; it needs CONFIG_KALLSYMS_ALL")
        return self.variables[name]

    def find_module(self):
        """The module's symbols: its struct module is found by its name."""
        layout = self.types.layout("module")
        name, table = layout["name"][0], layout["kallsyms"][0]
        # With its length the name is there once, but for parts of other names.
        wanted = re.compile(re.escape(b"kspan\0") + b"\0{%d}" % (layout["name"][1] - 6))
        for addr, size in self.core.mapped(*MODULES):
            try:
                data = self.core.read(addr, size)
            except MemoryFault:
                continue
            for match in wanted.finditer(data):
                place = addr + match.start() - name
                if place % LINE:
                    continue
                try:
                    found = self.read_symbols(word(self.core.read(place + table, 8)))
                except MemoryFault:
                    continue
                if "kspan_alloc" in found:
                    self.module = place
                    return found
        raise debugfs.ToolError("kspan was not loaded in this kernel")

    def read_symbols(self, addr):
        """The symbols that a struct mod_kallsyms leads to."""
        layout = self.types.layout("mod_kallsyms")
        data = self.core.read(addr, self.types.size("mod_kallsyms"))

        def field(name):
            return word(data, *layout[name])

        nr = field("num_symtab")
        if not 0 < nr < 1 << 20:
            return {}
        table = self.core.read(field("symtab"), nr * SYM.size)
        entries = list(SYM.iter_unpack(table))
        end = max(entry[0] for entry in entries)
        # The last name may be a long one; what is behind it may not be there.
        texts = self.core.read(field("strtab"), end)
        try:
            texts += self.core.read(field("strtab") + end, 256)
        except MemoryFault:
            texts += self.core.read(field("strtab") + end,
                                    -(field("strtab") + end) % 4096)
        found = {}
        for at, _, _, _, value, _ in entries:
            name = texts[at:texts.index(b"\0", at)].decode("latin1")
            found.setdefault(name, value)
        return found


    def modules(self):
        """{name: {symbol: address}} of all modules: they are in one list."""
        layout = self.types.layout("module")
        found, addr = {}, self.module
        while True:
            # The head of the list is in the kernel.
            if MODULES[0] <= addr < MODULES[1]:
                name = self.core.read(addr + layout["name"][0], layout["name"][1])
                try:
                    symbols = self.read_symbols(word(self.core.read(
                        addr + layout["kallsyms"][0], 8)))
                except MemoryFault:
                    symbols = {}
                found[name.split(b"\0")[0].decode("latin1")] = symbols
            addr = word(self.core.read(addr + layout["list"][0], 8)) - \
                layout["list"][0]
            if addr == self.module or len(found) > 4096:
                return found

    def symbolize(self, addr):
        """SYMBOL+OFFSET [MODULE] of an address, or "" if it has no symbol."""
        if self.sorted is None:
            names = [(value, name, "") for name, value in
                     self.core.symbols().items()]
            for module, symbols in self.modules().items():
                names += [(value, name, f" [{module}]")
                          for name, value in symbols.items() if name]
            self.sorted = sorted(name for name in names
                                 if name[0] >= KERNEL_MAP)
        at = bisect.bisect_right(self.sorted, (addr, "~", "")) - 1
        if not 0 <= at < len(self.sorted):
            return ""
        value, name, module = self.sorted[at]
        return f"{name}+{addr - value:#x}{module}"


class Types:
    """The types of kspan.ko, by drgn."""

    def __init__(self, path):
        try:
            import drgn
        except ImportError:
            raise debugfs.ToolError("this needs python3-drgn; "
                                    "scripts/setup.sh tools installs it") from None
        if not pathlib.Path(path).is_file():
            raise debugfs.ToolError(f"there is no file {path}")
        self.drgn = drgn
        flags = drgn.PlatformFlags
        self.program = drgn.Program(drgn.Platform(
            drgn.Architecture.X86_64, flags.IS_64_BIT | flags.IS_LITTLE_ENDIAN))
        try:
            self.program.load_debug_info([str(path)])
            self.program.type("struct kspan_span")
        except (drgn.MissingDebugInfoError, LookupError, ValueError) as error:
            raise debugfs.ToolError(
                f"{path} is no kspan.ko with debug information "
                f"({str(error).splitlines()[0]})") from None

    def layout(self, name):
        """{member: (offset, bytes)}; nothing for a type that is not there."""
        try:
            kind = self.program.type(f"struct {name}")
        except LookupError:
            return {}
        return members(kind, self.drgn)

    def size(self, name):
        """Bytes of a structure."""
        return self.program.type(f"struct {name}").size

    def constant(self, name):
        """The value of an enumerator."""
        try:
            return self.program[name].value_()
        except KeyError:
            raise debugfs.ToolError(f"this kspan has no {name}: the tools and "
                                    "kspan.ko are of different versions") from None


def members(kind, drgn):
    """{member: (offset, bytes)} of a type of drgn's."""
    found = {}
    for member in kind.members:
        offset = member.bit_offset // 8
        if member.name is None:
            for name, (inner, size) in members(member.type, drgn).items():
                found[name] = offset + inner, size
        else:
            try:
                size = drgn.sizeof(member.type)
            except TypeError:
                size = 0        # an array at the end
            found[member.name] = offset, size
    return found


def open_kspan(path, module):
    """The model of the kspan in a file of memory."""
    # The types first: that is quick, and a wrong name is a common mistake.
    types = Types(module)
    return model.Kspan(Source(Core(path), types))
