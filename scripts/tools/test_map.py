# SPDX-License-Identifier: GPL-2.0
"""kspan-map."""
import json
import xml.etree.ElementTree

import debugfs
import layout
from testing import bad, copy, good, same

PNG = b"\x89PNG\r\n\x1a\n"


def test_layout(bench):
    """Every span has as many pages in the picture as in debugfs."""
    snap = debugfs.read(bench.root("full"), maps=True)
    what = layout.from_debugfs(snap)
    same(what["inuse"], sum(row["inuse"] for row in snap.arenas) * debugfs.PAGE)
    drawn = {}
    for frame in what["frames"]:
        taken = set()
        for span in frame["spans"]:
            pages = set(range(span["first"], span["first"] + span["pages"]))
            assert not pages & taken, "two spans in one page"
            taken |= pages
            drawn[span["size"]] = drawn.get(span["size"], 0) + span["pages"]
        have = set()
        for first, pages in frame["have"]:
            have |= set(range(first, first + pages))
        assert taken <= have, "a span where there is no memory"
    same((drawn[1024], drawn[96]), (1000, 36))
    pale = [span["live"] for frame in what["frames"] for span in frame["spans"]
            if span["size"] == 1024]
    same(round(sum(pale) / len(pale), 2), 0.25)


def test_pictures(bench):
    """It draws memory as SVG and as PNG."""
    for kind in ("svg", "png"):
        file = bench.folder / f"map.{kind}"
        good(bench, "kspan-map", "--root", bench.root("full"), file)
        data = file.read_bytes()
        if kind == "png":
            assert data.startswith(PNG), data[:20]
        else:
            texts = "".join(xml.etree.ElementTree.fromstring(data).itertext())
            for word in ("named cache", "flows", "1.0K", "75%", "MiB"):
                assert word in texts, word
        assert len(data) < 200000, len(data)


def test_over_time(bench):
    """It plots copies over time."""
    file = bench.folder / "time.svg"
    roots = [arg for moment in bench.moments
             for arg in ("--root", bench.root(moment))]
    good(bench, "kspan-map", "--over-time", *roots, file)
    texts = "".join(xml.etree.ElementTree.parse(file).getroot().itertext())
    for word in ("heap_inuse", "nmalloc", "scattered", "seconds"):
        assert word in texts, word
    file = bench.folder / "time.json"
    good(bench, "kspan-map", "--over-time", "--json", *roots, file)
    found = json.loads(file.read_text())
    same(found["seconds"], [5.0 * nr for nr in range(len(bench.moments))])
    same(found["stats"]["heap_objects"],
         [debugfs.read(bench.root(moment)).stats["heap_objects"]
          for moment in bench.moments])


def test_json(bench):
    """--json has what the picture shows."""
    file = bench.folder / "map.json"
    good(bench, "kspan-map", "--json", "--root", bench.root("full"), file)
    found = json.loads(file.read_text())
    same((found["exact"], len(found["frames"])), (False, 1))


def test_errors(bench):
    """Wrong arguments, files and input are errors of one line."""
    root = bench.root("full")
    out = bench.folder / "x.svg"
    bad(bench, "kspan-map", "--root", root, says="which file", code=2)
    bad(bench, "kspan-map", "--root", root, "x.jpg", says=".svg or .png", code=2)
    bad(bench, "kspan-map", "--root", root, "--json", out, says=".json", code=2)
    bad(bench, "kspan-map", "--core", "x", out, says="--module", code=2)
    bad(bench, "kspan-map", "--over-time", "--root", root, out, says="two copies")
    bad(bench, "kspan-map", "--root", root, "/nonexistent/x.svg",
        says="cannot write to /nonexistent")
    broken = copy(bench, "full", "map-bad")
    (broken / "spans").write_text("")
    bad(bench, "kspan-map", "--root", broken, out, says="spans is empty")
    none = copy(bench, "full", "no-memory")
    (none / "arenas").write_text("arena chunks inuse idle longest map\n")
    bad(bench, "kspan-map", "--root", none, out, says="nothing to draw")
    assert not out.exists()
    assert "--over-time" in good(bench, "kspan-map", "--help")
