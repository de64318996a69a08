# SPDX-License-Identifier: GPL-2.0
"""A dashboard for Grafana on the metrics of kspan-export."""

WIDTH, HEIGHT = 12, 8           # of a panel; a row is 24 wide
# Title, unit, stacked, [(legend, expression)].
PANELS = [
    ("Memory", "bytes", False, [
        ("from the kernel", "kspan_obtained_bytes"),
        ("in spans", 'kspan_heap_bytes{state="inuse"}'),
        ("live", "kspan_live_bytes"),
        ("limit", "kspan_limit_bytes > 0")]),
    ("What is not live", "bytes", True, [
        ("cached", "kspan_cached_bytes"),
        ("idle", 'kspan_heap_bytes{state="idle"}'),
        ("metadata: {{kind}}", "kspan_metadata_bytes")]),
    ("Calls", "ops", False, [
        ("allocations", "rate(kspan_allocations_total[$__rate_interval])"),
        ("frees", "rate(kspan_frees_total[$__rate_interval])")]),
    ("Bytes allocated and given back", "Bps", False, [
        ("allocated", "rate(kspan_allocated_bytes_total[$__rate_interval])"),
        ("given back", "rate(kspan_released_bytes_total[$__rate_interval])")]),
    ("Between spans, CPUs and the kernel", "ops", False, [
        ("refill", "rate(kspan_refills_total[$__rate_interval])"),
        ("flush", "rate(kspan_flushes_total[$__rate_interval])"),
        ("swap", "rate(kspan_swaps_total[$__rate_interval])"),
        ("grow", "rate(kspan_grows_total[$__rate_interval])"),
        ("release", "rate(kspan_releases_total[$__rate_interval])")]),
    ("Fragmentation", "percentunit", False, [
        ("{{kind}}", "kspan_fragmentation_ratio")]),
    ("Failures", "short", False, [
        ("{{reason}}", "increase(kspan_failures_total[$__rate_interval])")]),
    ("Wrong uses and damage", "short", False, [
        ("{{kind}}", "increase(kspan_faults_total[$__rate_interval])")]),
    ("Sizes with most memory", "bytes", True, [
        ("{{size}}", "topk(10, kspan_class_held_bytes)")]),
    ("Named caches", "bytes", True, [
        ("{{cache}}", "topk(10, kspan_cache_held_bytes)")]),
    ("Heaps of clients", "bytes", True, [
        ("{{heap}}", "topk(10, kspan_client_heap_live_bytes)")]),
    ("Large objects", "bytes", False, [
        ("live", "kspan_large_live_bytes")]),
]
SOURCE = {"type": "prometheus", "uid": "${source}"}


def chosen(expression):
    """An expression for the instance that is chosen in the dashboard."""
    out, at = "", 0
    while (start := expression.find("kspan_", at)) >= 0:
        end = start
        while end < len(expression) and (expression[end].isalnum() or
                                         expression[end] == "_"):
            end += 1
        out += expression[at:end] + '{instance=~"$instance"'
        if expression[end:end + 1] == "{":
            out += ","
            end += 1
        else:
            out += "}"
        at = end
    return out + expression[at:]


def dashboard():
    """The whole, for json.dumps()."""
    panels = []
    for nr, (title, unit, stacked, lines) in enumerate(PANELS):
        panels.append({
            "id": nr + 1, "type": "timeseries", "title": title,
            "datasource": SOURCE,
            "gridPos": {"x": nr % 2 * WIDTH, "y": nr // 2 * HEIGHT,
                        "w": WIDTH, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {
                "fillOpacity": 20 if stacked else 0,
                "stacking": {"mode": "normal" if stacked else "none"}}},
                            "overrides": []},
            "targets": [{"refId": chr(65 + at), "datasource": SOURCE,
                         "expr": chosen(expression), "legendFormat": legend}
                        for at, (legend, expression) in enumerate(lines)]})
    return {
        "title": "kspan", "uid": "kspan", "tags": ["kspan", "linux"],
        "schemaVersion": 38, "version": 1, "editable": True, "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"}, "panels": panels,
        "templating": {"list": [
            {"name": "source", "type": "datasource", "query": "prometheus",
             "label": "Data source"},
            {"name": "instance", "type": "query", "datasource": SOURCE,
             "query": "label_values(kspan_up, instance)", "includeAll": True,
             "multi": True, "refresh": 2, "label": "Machine"}]}}
