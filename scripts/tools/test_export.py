# SPDX-License-Identifier: GPL-2.0
"""kspan-export, its alert rules and its dashboard."""
import json
import re
import subprocess

import dashboard
import metrics
from testing import bad, copy, good, run, same

ALERTS = "Documentation/example/kspan-alerts.yml"
RULE_TEST = """
rule_files: [%s]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'kspan_up{instance="a"}', values: '1x10 0x20'}
  - {series: 'kspan_faults_total{instance="a",kind="double_free"}',
     values: '0x10 1x20'}
  - {series: 'kspan_limit_bytes{instance="a"}', values: '0x30'}
  - {series: 'kspan_obtained_bytes{instance="a"}', values: '5x30'}
  - {series: 'kspan_failures_total{instance="a",reason="limit"}', values: '0x30'}
  alert_rule_test:
  - {eval_time: 9m, alertname: KspanUnreadable, exp_alerts: []}
  - eval_time: 17m
    alertname: KspanUnreadable
    exp_alerts:
    - exp_labels: {instance: a, severity: warning}
      exp_annotations:
        summary: kspan on a is not loaded or cannot be read.
  - {eval_time: 9m, alertname: KspanWrongUse, exp_alerts: []}
  - eval_time: 12m
    alertname: KspanWrongUse
    exp_alerts:
    - exp_labels: {instance: a, kind: double_free, severity: critical}
      exp_annotations:
        summary: A client of kspan on a made a mistake (double_free); the kernel
          log has its stack.
  - {eval_time: 20m, alertname: KspanAtLimit, exp_alerts: []}
"""


def promtool(bench, *args, stdin=None):
    """Run it; it must have nothing to say."""
    done = subprocess.run([str(bench.scripts / "tools/promtool.sh"),
                           *map(str, args)], capture_output=True, text=True,
                          input=stdin, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def values(text):
    """{name with labels: value} of metrics as text."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines()
                if not line.startswith("#"))


def test_metrics(bench):
    """promtool finds nothing wrong with the metrics of any moment."""
    for moment in bench.moments:
        text = good(bench, "kspan-export", "--root", bench.root(moment))
        said = promtool(bench, "check", "metrics", stdin=text)
        assert not said, said
    found = values(good(bench, "kspan-export", "--root", bench.root("full")))
    same(found['kspan_class_held_bytes{size="1024"}'], "8192000")
    same(found['kspan_cache_live_objects{cache="flows"}'], "10000")
    same(found['kspan_client_heap_live_bytes{heap="orders"}'], "288000")
    same(found["kspan_live_objects"], "15008")
    same(found["kspan_up"], "1")
    return f"{len(found)} metrics"


def test_types(bench):
    """What only grows is a counter, and nothing else is."""
    text = good(bench, "kspan-export", "--root", bench.root("full"))
    for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text):
        same((name, kind), (name, "counter" if name.endswith("_total") else "gauge"))
    early = values(text)
    late = values(good(bench, "kspan-export", "--root", bench.root("drained")))
    for name, value in early.items():
        if "_total" in name and name in late:
            assert float(late[name]) >= float(value), name


def test_openmetrics(bench):
    """OpenMetrics has units, counters without their suffix, and an end."""
    text = good(bench, "kspan-export", "--openmetrics", "--root",
                bench.root("full"))
    assert text.endswith("\n# EOF\n"), text[-50:]
    assert "# TYPE kspan_allocations counter\nkspan_allocations_total " in text
    assert "# UNIT kspan_live_bytes bytes\n" in text
    assert "# UNIT kspan_fragmentation_ratio ratio\n" in text


def test_labels(bench):
    """Names with any characters make sound labels; equal names are added up."""
    root = copy(bench, "full", "labels")
    with (root / "caches").open("a") as file:
        file.write('a"b\\c 64 1 128 10 4 6 1 1\nflows 200 1 40 7 0 7 1 1\n')
    text = good(bench, "kspan-export", "--root", root)
    assert not promtool(bench, "check", "metrics", stdin=text)
    assert r'kspan_cache_live_objects{cache="a\"b\\c"} 6' in text
    same(values(text)['kspan_cache_live_objects{cache="flows"}'], "10007")


def test_classes(bench):
    """--classes keeps the largest."""
    text = good(bench, "kspan-export", "--classes", "1", "--root",
                bench.root("full"))
    same(re.findall(r'kspan_class_held_bytes\{size="(\d+)"', text), ["1024"])
    text = good(bench, "kspan-export", "--classes", "0", "--root",
                bench.root("full"))
    assert "kspan_class_" not in text and "kspan_cache_" not in text


def test_file(bench):
    """A file is replaced at once, readable by all, and nothing is left beside it."""
    folder = bench.folder / "textfile"
    folder.mkdir()
    file = folder / "kspan.prom"
    file.write_text("old")
    before = file.stat().st_ino
    good(bench, "kspan-export", "--output", file, "--root", bench.root("full"))
    same([path.name for path in folder.iterdir()], ["kspan.prom"])
    assert file.stat().st_ino != before
    same(file.stat().st_mode & 0o777, 0o644)
    same(values(file.read_text())["kspan_up"], "1")
    bad(bench, "kspan-export", "--output", file, "--root", "/nonexistent",
        says="no directory")
    same(values(file.read_text()), {"kspan_up": "0"})
    bad(bench, "kspan-export", "--output", "/nonexistent/x.prom", "--root",
        bench.root("full"), says="cannot write to /nonexistent")
    bad(bench, "kspan-export", "--output", folder / "kspan.txt", says=".prom",
        code=2)


def test_json(bench):
    """--json has the same values."""
    found = json.loads(good(bench, "kspan-export", "--json", "--root",
                            bench.root("full")))
    same(found["kspan_live_objects"], [{"labels": {}, "value": 15008}])


def test_errors(bench):
    """Wrong arguments and input are errors of one line."""
    bad(bench, "kspan-export", "--what", says="--what", code=2)
    bad(bench, "kspan-export", "--json", "--openmetrics", says="two formats", code=2)
    root = copy(bench, "full", "export-bad")
    (root / "by_size").write_text("class\n")
    done = bad(bench, "kspan-export", "--root", root, says="the header is")
    same(done.stdout, "")
    assert "--output" in run(bench, "kspan-export", "--help").stdout


def known(bench):
    """The names of all metrics."""
    text = good(bench, "kspan-export", "--root", bench.root("full"))
    return set(re.findall(r"(?m)^# TYPE (\S+)", text))


def test_alerts(bench):
    """promtool takes the alert rules; they know the metrics and fire when meant."""
    rules = bench.scripts.parent / ALERTS
    promtool(bench, "check", "rules", rules)
    text = rules.read_text()
    used = set(re.findall(r"\bkspan_\w+", text))
    same(used - known(bench), set())
    test = bench.folder / "rules-test.yml"
    test.write_text(RULE_TEST % rules)
    promtool(bench, "test", "rules", test)
    return f"{text.count('alert:')} rules"


def test_dashboard(bench):
    """The dashboard is JSON, its queries parse and are about known metrics."""
    board = json.loads(good(bench, "kspan-export", "--dashboard"))
    same(board, dashboard.dashboard())
    names = known(bench)
    rules = ["groups:", "- name: queries", "  rules:"]
    ids = set()
    for panel in board["panels"]:
        ids.add(panel["id"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, place
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m")
            used = set(re.findall(r"\bkspan_\w+", query))
            assert used and used <= names, query
            rules += [f"  - record: q:{panel['id']}:{target['refId']}",
                      f"    expr: {json.dumps(query)}"]
    same(len(ids), len(board["panels"]))
    file = bench.folder / "queries.yml"
    file.write_text("\n".join(rules) + "\n")
    promtool(bench, "check", "rules", file)
    return f"{len(ids)} panels"


def test_families(_bench):
    """A unit is the last word of a name, but for _total."""
    same(metrics.Family("x_bytes_total", "counter", "", []).unit, "bytes")
    same(metrics.Family("x_total", "counter", "", []).unit, "")
