# SPDX-License-Identifier: GPL-2.0
"""Commands for gdb about kspan's memory, for QEMU's gdbstub and /proc/kcore.

(gdb) target remote :1234               # QEMU with -gdb tcp::1234, or -s
(gdb) source scripts/kspan-gdb.py
(gdb) kspan load kspan.ko sections      # its debug information
(gdb) kspan holders

`sections` is a copy of /sys/module/kspan/sections, or a file with a name and an
address in each line.  Without it the directory itself is read.
"""
import pathlib
import struct
import sys

import gdb

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tools"))
import ask  # noqa: E402
import debugfs  # noqa: E402
import model  # noqa: E402

SECTIONS = "/sys/module/kspan/sections"
SHT_SYMTAB = 2

# A symbol: its name, two flags, its section, its value and its size.
SYMBOL = struct.Struct("<IBBHQQ")

# {name: address}, once kspan.ko was loaded.
variables = {}


class Inferior:
    """kspan's memory and types as gdb has them."""

    @staticmethod
    def read(addr, size):
        """Bytes at a virtual address."""
        try:
            return bytes(gdb.selected_inferior().read_memory(addr, size))
        except gdb.MemoryError as error:
            raise model.MemoryFault(str(error)) from None

    @staticmethod
    def symbol(name):
        """The address of a variable.

        gdb 13 searches for static variables of a module in its .text, so the
        symbols that load() has read are tried first.
        """
        if name in variables:
            return variables[name]
        try:
            return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
        except gdb.error as error:
            raise debugfs.ToolError(f"{error}; 'kspan load' first") from None

    @staticmethod
    def find(name):
        """A structure."""
        try:
            return gdb.lookup_type(f"struct {name}")
        except gdb.error as error:
            raise debugfs.ToolError(f"{error}; 'kspan load' first") from None

    def layout(self, name):
        """{member: (offset, bytes)}."""
        def members(kind):
            for field in kind.fields():
                offset = field.bitpos // 8
                if field.name:
                    yield field.name, (offset, field.type.sizeof)
                    continue
                for inner, (more, size) in members(field.type):
                    yield inner, (offset + more, size)

        return dict(members(self.find(name)))

    def size(self, name):
        """Bytes of a structure."""
        return self.find(name).sizeof

    @staticmethod
    def constant(name):
        """The value of an enumerator."""
        return int(gdb.parse_and_eval(name))


def sections(path):
    """{section: address} of a directory or of a file with pairs."""
    path = pathlib.Path(path)
    try:
        if path.is_dir():
            return {file.name: file.read_text().strip() for file in path.iterdir()}
        return dict(line.split() for line in path.read_text().splitlines())
    except (OSError, ValueError) as error:
        raise debugfs.ToolError(f"cannot read {path}: {error}") from None


def text_at(data, offset):
    """The string at an offset."""
    return data[offset:data.index(b"\0", offset)].decode("latin1")


def read_symbols(module, places):
    """{name: address} of the symbols of kspan.ko by where its sections are."""
    try:
        data = pathlib.Path(module).read_bytes()
    except OSError as error:
        raise debugfs.ToolError(f"cannot read {module}: {error.strerror}") from None
    if data[:6] != b"\x7fELF\x02\x01":
        raise debugfs.ToolError(f"{module} is no kspan.ko of a 64-bit machine")
    start, size, nr, names = struct.unpack_from("<Q10xHHH", data, 40)
    # Of each section: name, type, offset, size, number of the linked section.
    heads = [struct.unpack_from("<II16xQQI", data, start + i * size)
             for i in range(nr)]
    found = {}
    for _, kind, offset, length, link in heads:
        if kind != SHT_SYMTAB:
            continue
        for name, _, _, where, value, _ in SYMBOL.iter_unpack(
                data[offset:offset + length]):
            if 0 < where < nr:
                section = text_at(data, heads[names][2] + heads[where][0])
                if section in places:
                    found.setdefault(text_at(data, heads[link][2] + name),
                                     int(places[section], 16) + value)
    return found


def load(module, places=SECTIONS):
    """Tell gdb where the module's sections are."""
    found = {name: addr for name, addr in sections(places).items()
             if addr.startswith("0x")}
    if ".text" not in found:
        raise debugfs.ToolError(f"{places} has no address of .text")
    variables.update(read_symbols(module, found))
    rest = " ".join(f"-s {name} {addr}" for name, addr in found.items()
                    if name != ".text")
    gdb.execute(f"add-symbol-file {module} {found['.text']} {rest}",
                to_string=True)


class KspanCommand(gdb.Command):
    __doc__ = "Questions about kspan:\nload KO [SECTIONS]\n" + ask.USAGE

    def __init__(self):
        super().__init__("kspan", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        """Run one."""
        words = gdb.string_to_argv(argument)
        try:
            if words[:1] == ["load"] and 2 <= len(words) <= 3:
                load(*words[1:])
                return
            for line in ask.answer(model.Kspan(Inferior()), words):
                gdb.write(line + "\n")
        except debugfs.ToolError as error:
            raise gdb.GdbError(f"kspan: {error}") from None


KspanCommand()
