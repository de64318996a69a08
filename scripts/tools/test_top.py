# SPDX-License-Identifier: GPL-2.0
"""kspantop."""
import json
import os
import pty
import select
import time

import debugfs
import view
from testing import bad, copy, good, same


def test_help(bench):
    """--help explains each option, and a wrong one is an error of one line."""
    text = good(bench, "kspantop", "--help")
    for option in ("--view", "--sort", "--once", "--json", "--delay", "--root"):
        assert option in text, option
    root = bench.root("full")
    bad(bench, "kspantop", "--nonsense", says="--nonsense", code=2)
    bad(bench, "kspantop", "--view", "nonsense", says="nonsense", code=2)
    bad(bench, "kspantop", "--once", "--delay", "0", says="'0' is no number", code=2)
    bad(bench, "kspantop", "--once", "--sort", "x", "--root", root,
        says="no column 'x'", code=2)
    bad(bench, "kspantop", "--root", root, says="no terminal", code=2)


def test_once(bench):
    """--once shows every view with the numbers of the files."""
    root = bench.root("full")
    text = good(bench, "kspantop", "--once", "--root", root)
    assert "15008 objects live, 7.8M" in text, text
    row = next(line.split() for line in text.splitlines()
               if line.split()[:1] == ["1024"])
    same(row[1:8], ["2.0M", "7.8M", "75%", "25%", "2000", "6000", "1000"])
    text = good(bench, "kspantop", "--once", "--root", root, "--view", "caches")
    assert text.splitlines()[-1].split()[:3] == ["flows", "200", "1.9M"], text
    text = good(bench, "kspantop", "--once", "--root", root, "--view", "heaps")
    assert text.splitlines()[-1].split()[:3] == ["orders", "281K", "3000"], text
    text = good(bench, "kspantop", "--once", "--root", bench.root("empty"))
    assert "nothing has been allocated" in text, text


def test_sort(bench):
    """--sort orders the rows, largest first; --lines cuts them."""
    def sizes(*args):
        text = good(bench, "kspantop", "--once", "--root", bench.root("busy"), *args)
        lines = text.splitlines()
        start = next(nr for nr, line in enumerate(lines) if "waste" in line)
        return [line.split()[0] for line in lines[start + 1:]]

    same(sizes("--sort", "size"), ["4096", "1024", "96", "64"])
    same(sizes("--sort", "inuse")[:2], ["96", "1024"])
    same(sizes("--lines", "1"), ["1024"])


def test_json(bench):
    """--json is JSON with everything in it."""
    found = json.loads(good(bench, "kspantop", "--json", "--root",
                            bench.root("full")))
    same(found["stats"]["heap_objects"], 15008)
    same(found["caches"][0]["name"], "flows")
    same(found["heaps"][0]["objects"], 3000)
    same(found["rates"]["nmalloc"], None)
    same(round(found["fragmentation"]["spans"], 2), 0.43)


def test_rates(bench):
    """Rates are differences by time; of a counter that fell there is none below 0."""
    before = debugfs.read(bench.root("full"))
    now = debugfs.read(bench.root("busy"))
    before.time, now.time = 100.0, 102.0
    sample = view.Sample(now, before)
    grown = now.stats["nmalloc"] - before.stats["nmalloc"]
    same((grown > 20000, sample.rate("nmalloc")), (True, grown / 2))
    rows = {row["size"]: row for row in view.rows(sample, "sizes")}
    same((rows[64]["alloc/s"], rows[4096]["alloc/s"], rows[8]["alloc/s"]),
         (10000, 1250, 0))
    same(view.Sample(before, now).rate("nmalloc"), None)
    now.time, before.time = 100.0, 102.0
    same(view.Sample(before, now).rate("nmalloc"), 0)


def test_errors(bench):
    """Without kspan, rights or a sound copy it says so and fails."""
    if not os.path.exists(debugfs.ROOT):
        bad(bench, "kspantop", "--once", says="try: m")
    bad(bench, "kspantop", "--json", "--root", "/nonexistent", says="no directory")
    root = copy(bench, "full", "old")
    (root / "heaps").unlink()
    bad(bench, "kspantop", "--once", "--view", "heaps", "--root", root,
        says="no file 'heaps'")
    (root / "stats").write_text("junk\n")
    bad(bench, "kspantop", "--once", "--root", root, says="stats:1: no name")


def test_screen(bench):
    """On a terminal the keys change the view, and q ends it."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(TERM="xterm", COLUMNS="120", LINES="30")
        tool = str(bench.scripts / "kspantop")
        os.execv(tool, [tool, "--root", str(bench.root("full")), "--delay", "5"])
    shown = b""

    def until(wanted):
        nonlocal shown
        end = time.monotonic() + 20
        while wanted not in shown:
            assert time.monotonic() < end, f"no {wanted!r} in {shown[-500:]!r}"
            if select.select([terminal], [], [], 0.5)[0]:
                shown += os.read(terminal, 65536)
        shown = shown[shown.index(wanted) + len(wanted):]

    until(b"1024")
    for key, wanted in ((b"c", b"flows"), (b"h", b"orders"), (b"\t", b"callsites"),
                        (b"s", b"held*"), (b">", b"waste*")):
        os.write(terminal, key)
        until(wanted)
    os.write(terminal, b"q")
    same(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    os.close(terminal)
