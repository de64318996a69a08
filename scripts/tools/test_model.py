# SPDX-License-Identifier: GPL-2.0
"""kspan's structures in memory: kspan-drgn, kspan-map --core."""
import json
import pathlib
import re
import shutil
import struct
import subprocess

import core
import debugfs
import model
from testing import bad, good, run, same


def memory(bench):
    """The arguments that name the dump."""
    return "--core", bench.core, "--module", bench.module


def test_structures(bench):
    """Every member, constant and variable that is used is in the module."""
    types = core.Types(bench.module)
    for kind, names in model.NEEDS.items():
        layout = types.layout(kind)
        for name in names.split():
            assert name in layout, f"struct {kind} has no {name}"
    for name in model.CONSTANTS:
        types.constant(name)
    variables = core.Source(core.Core(bench.core), types).variables
    missing = [name for name in model.SYMBOLS if name not in variables]
    same(missing, [])
    return f"{sum(len(names.split()) for names in model.NEEDS.values())} members"


def test_other_version(bench):
    """A member that is gone is reported by its name, and nothing is read wrongly."""
    kspan = core.open_kspan(bench.core, bench.module)
    layout = kspan.source.layout

    def without(kind):
        found = dict(layout(kind))
        found.pop("nr_free", None)
        return found

    kspan.source.layout = without
    try:
        model.Kspan(kspan.source)
    except debugfs.ToolError as error:
        assert "no member nr_free" in str(error), error
    else:
        raise AssertionError("nobody missed it")


def test_as_debugfs(bench):
    """Memory and debugfs agree on live objects, by size and by cache."""
    snap = debugfs.read(bench.root("busy"), maps=True)
    kspan = core.open_kspan(bench.core, bench.module)
    seen, wrong = kspan.verify()
    same(wrong, [])
    same(seen["live"], snap.stats["heap_objects"])
    found = {}
    for span in kspan.spans():
        if not span.is_large and not span.owner:
            found[span.size] = found.get(span.size, 0) + span.live_count()
    for row in snap.sizes:
        # Objects of the heap are in by_size as well, and have one size.  Spans
        # without objects may have gone since.
        if row["size"] != 96:
            same((row["size"], found.get(row["size"], 0)), (row["size"], row["inuse"]))
    same(sum(span.live_count() for span in kspan.spans() if span.owner == "flows"),
         snap.caches[0]["inuse"])
    return f"{seen['spans']} spans, {seen['live']} objects"


def test_damage(bench):
    """A flipped bit in a structure is found by the walk."""
    kspan = core.open_kspan(bench.core, bench.module)
    span = next(span for span in kspan.spans() if span.owner == "flows")
    read = kspan.source.read
    broken = {}

    def with_damage(addr, size):
        data = bytearray(read(addr, size))
        for at, value in broken.items():
            if addr <= at < addr + size:
                data[at - addr] = value
        return bytes(data)

    kspan.source.read = with_damage
    offset = kspan.fields["kspan_span"]["nr_free"][0]
    for at, value, says in ((span.state + 3, 77, "unknown state"),
                            (span.addr + offset, 99, "free count"),
                            (span.state + span.objects, 0, "no end mark")):
        broken.clear()
        broken[at] = value
        kspan.forget()
        _, wrong = kspan.verify()
        assert any(says in text for text in wrong), (says, wrong)


def test_drgn(bench):
    """kspan-drgn answers its questions."""
    text = good(bench, "kspan-drgn", *memory(bench), "holders")
    assert re.search(r"(?m)^ *2000000 +10000 +250  flows, 200 bytes$", text), text
    text = good(bench, "kspan-drgn", *memory(bench), "verify")
    same(text.splitlines()[-1], "ok")
    lines = good(bench, "kspan-drgn", *memory(bench), "objects",
                 "orders").splitlines()
    same(lines[-1], "3000 live objects")
    addr, size = lines[0].split()
    same(size, "96")
    text = good(bench, "kspan-drgn", *memory(bench), "whatis",
                hex(int(addr, 16) + 5))
    assert "byte 5 of object" in text and "live" in text and "'orders'" in text, text
    text = good(bench, "kspan-drgn", *memory(bench), "whatis", "0")
    same(text, "0x0: not kspan's\n")
    done = run(bench, "kspan-drgn", *memory(bench), "shell",
               stdin="span = next(kspan.spans())\n"
               "struct = drgn.Object(prog, 'struct kspan_span', address=span.addr)\n"
               "print('same', struct.base.value_() == span.base)\n")
    assert "same True" in done.stdout, done.stdout + done.stderr
    for question, says in ((["nothing"], "one of these"), (["whatis", "x"], "no addr"),
                           (["objects", "nobody"], "no cache or heap")):
        done = run(bench, "kspan-drgn", *memory(bench), *question)
        same(done.returncode, 1)
        assert "Traceback" not in done.stderr and says in done.stderr, done.stderr


def test_exact_map(bench):
    """kspan-map --core draws the spans where they are."""
    file = bench.folder / "exact.json"
    good(bench, "kspan-map", *memory(bench), "--json", file)
    what = json.loads(file.read_text())
    snap = debugfs.read(bench.root("busy"))
    same(what["exact"], True)
    # Idle memory may have been given back since.
    assert what["inuse"] <= what["held"] <= snap.stats["heap_sys"], what["held"]
    assert what["held"] > snap.stats["alloc"], what["held"]
    rows = {row["name"]: row for row in what["rows"]}
    same((rows["flows"]["live"], round(rows["1.0K"]["waste"], 2)), (2000000, 0.75))
    good(bench, "kspan-map", *memory(bench), bench.folder / "exact.png")


def test_bad_files(bench):
    """A file that is no dump, cut off or of the wrong module is refused."""
    ko, dump = bench.module, bench.core
    for name, data, says in (("empty", b"", "is empty"),
                             ("text", b"no dump" * 50, "no dump"),
                             ("kdump", b"KDUMP   " + bytes(200), "makedumpfile -E"),
                             ("cut", pathlib.Path(dump).open("rb").read(1 << 20),
                              "cut off")):
        file = bench.folder / name
        file.write_bytes(data)
        bad(bench, "kspan-drgn", "--core", file, "--module", ko, "holders", says=says)
    bad(bench, "kspan-drgn", "--core", "/nonexistent", "--module", ko, "holders",
        says="cannot read /nonexistent")
    bad(bench, "kspan-drgn", "--core", dump, "--module", "/nonexistent", "holders",
        says="no file /nonexistent")
    bad(bench, "kspan-drgn", "--core", dump, "--module", bench.folder / "text",
        "holders", says="no kspan.ko")
    other = pathlib.Path(ko).parent / "scripts/torture/kspan_leak.ko"
    bad(bench, "kspan-drgn", "--core", dump, "--module", other, "holders",
        says="no kspan.ko")
    stripped = bench.folder / "stripped.ko"
    shutil.copy(ko, stripped)
    subprocess.run(["strip", "-g", stripped], check=True)
    bad(bench, "kspan-drgn", "--core", dump, "--module", stripped, "holders",
        says="no kspan.ko with debug information")
    bad(bench, "kspan-drgn", "--core", dump, "holders", says="--module", code=2)


def test_kdump(bench):
    """A vmcore with virtual addresses and a note, as kdump's has, is read as well."""
    dump = core.Core(bench.core)
    kspan = core.open_kspan(bench.core, bench.module)
    span = next(kspan.spans())
    offset = span.addr - dump.translate(span.addr)[0]
    info = "".join(f"{name}={value}\n" for name, value in dump.info.items()).encode()
    note = struct.pack("<III", 11, len(info), 0) + b"VMCOREINFO\0\0" + info
    loads = [load for load in dump.loads if load[1] is not None]
    start = 64 + 56 * (len(loads) + 1)
    at = start + len(note) + 4095 & -4096
    heads, data = b"", bytes(at - start - len(note))
    file = bench.folder / "kdump.vmcore"
    with open(bench.core, "rb") as old, open(file, "wb") as new:
        for _, physical, place, size in loads:
            heads += struct.pack("<IIQQQQQQ", core.PT_LOAD, 7, at, physical + offset,
                                 physical, size, size, 0)
            at += size
        new.write(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
            "<HHIQQQIHHHHHH", 4, core.EM_X86_64, 1, 0, 64, 0, 0, 64, 56,
            len(loads) + 1, 0, 0, 0))
        new.write(struct.pack("<IIQQQQQQ", core.PT_NOTE, 0, start, 0, 0, len(note),
                              len(note), 0) + heads + note + data)
        for _, _, place, size in loads:
            old.seek(place)
            while size:
                part = old.read(min(size, 1 << 20))
                new.write(part)
                size -= len(part)
    text = good(bench, "kspan-findleaks", "--core", file, "--module", bench.module)
    file.unlink()
    assert re.search(r"(?m)^ *100 +20000 +100  flows, 200 bytes$", text), text
