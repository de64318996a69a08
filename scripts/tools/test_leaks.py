# SPDX-License-Identifier: GPL-2.0
"""kspan-findleaks."""
import json

import core
from model import word
from testing import bad, good, run, same
from test_model import memory

FORGOTTEN = 0x6f6772666c6f7774.to_bytes(8, "little")
NR_FORGOTTEN = 100


def test_leaks(bench):
    """It finds the 100 of 10000 flows that were forgotten, and little else."""
    found = json.loads(good(bench, "kspan-findleaks", *memory(bench), "--json"))
    source = core.Core(bench.core)
    right = wrong = 0
    for group in found["groups"]:
        for addr in group["addresses"]:
            mine = source.read(int(addr, 16), 8) == FORGOTTEN
            right += mine
            wrong += not mine
    # An old copy of a pointer may hide an object; this client leaves none.
    same(right, NR_FORGOTTEN)
    assert wrong <= 5, f"{wrong} objects are not lost"
    group = next(group for group in found["groups"]
                 if group["where"] == "flows, 200 bytes")
    same((group["objects"], group["bytes"]), (NR_FORGOTTEN, 20000))
    return f"{right} of {NR_FORGOTTEN} found, {wrong} false ones"


def test_text(bench):
    """The report names cache, size and, on request, addresses with content."""
    text = good(bench, "kspan-findleaks", *memory(bench))
    assert "  flows, 200 bytes\n" in text and "objects are lost:" in text, text
    text = good(bench, "kspan-findleaks", *memory(bench), "--list", "--bytes", "8")
    assert text.count(FORGOTTEN.hex()) == NR_FORGOTTEN, text[:400]


def test_refs(bench):
    """refs finds who points to an object, and nothing where nobody does."""
    found = json.loads(good(bench, "kspan-findleaks", *memory(bench), "--json"))
    lost = next(group["addresses"][1] for group in found["groups"]
                if group["where"].startswith("flows"))
    lines = good(bench, "kspan-findleaks", *memory(bench), "refs",
                 lost).splitlines()
    assert "live" in lines[0] and "'flows'" in lines[0], lines
    for line in lines[1:]:
        assert "nothing points" in line or "of kspan's" in line, lines
    orders = good(bench, "kspan-drgn", *memory(bench), "objects", "orders").split()
    text = good(bench, "kspan-findleaks", *memory(bench), "refs", orders[0])
    assert f"{orders[0]} is in class" in text and "of 'orders'" in text, text
    flows = good(bench, "kspan-drgn", *memory(bench), "objects", "flows").split()
    kept = next(addr for addr in flows[0::2] if addr.startswith("0x") and
                addr not in found["groups"][0]["addresses"])
    text = good(bench, "kspan-findleaks", *memory(bench), "refs", kept)
    assert "is in large object of" in text, text
    source = core.open_kspan(bench.core, bench.module).source
    table = word(source.read(source.modules()["kspan_leak"]["flows"], 8))
    text = good(bench, "kspan-findleaks", *memory(bench), "refs", hex(table))
    assert f"{table:#x} is in memory, flows+0x0 [kspan_leak]" in text, text


def test_whatis(bench):
    """whatis says what is at an address."""
    text = good(bench, "kspan-findleaks", *memory(bench), "whatis", "0", "12345678")
    same(text.count("not kspan's"), 2)


def test_progress(bench):
    """Progress goes to stderr and is there only when it is asked for."""
    done = run(bench, "kspan-findleaks", *memory(bench), "--progress")
    same(done.returncode, 0)
    assert "searched" not in done.stdout.splitlines()[1], done.stdout


def test_errors(bench):
    """Wrong arguments are errors of one line."""
    bad(bench, "kspan-findleaks", *memory(bench), "refs", says="an address", code=2)
    bad(bench, "kspan-findleaks", *memory(bench), "whatis", "xyz",
        says="'xyz' is no address", code=2)
    bad(bench, "kspan-findleaks", *memory(bench), "leaks", "0", says="no address",
        code=2)
    bad(bench, "kspan-findleaks", "--core", "/nonexistent", "--module",
        bench.module, says="cannot read /nonexistent")
    bad(bench, "kspan-findleaks", *memory(bench), "refs", "0",
        says="no address of the kernel")
    assert "whatis" in good(bench, "kspan-findleaks", "--help")
