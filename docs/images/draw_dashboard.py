"""Draws the queries of the Grafana dashboard, as a running Prometheus answers them.

    python3 docs/images/draw_dashboard.py http://127.0.0.1:9091 docs/images/dashboard.png

Grafana is in no package registry of Debian, Python or Node, so this draws the same panels from the
same file by itself: one page of SVG, which a headless Chromium makes a picture of. Only the standard
library is needed besides.
"""

import html
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

DASHBOARD = pathlib.Path(__file__).resolve().parents[2] / "config" / "grafana-dashboard.json"
SECONDS = 120
COLOURS = ["#5794f2", "#73bf69", "#f2cc0c", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d"]
WIDTH, HEIGHT, LEFT, TOP = 430, 150, 58, 8
BROWSERS = ["chromium-headless-shell", "chromium", "chrome-headless-shell"]


def ask(prometheus, expression):
    """The series of an expression over the last minutes: labels, and pairs of time and value."""
    expression = expression.replace("$__rate_interval", "15s").replace("$instance", ".*")
    end = time.time()
    query = {"query": expression, "start": end - SECONDS, "end": end, "step": 1}
    url = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url) as answer:
        result = json.load(answer)["data"]["result"]
    for series in result:
        values = [(float(at), float(value)) for at, value in series["values"]]
        yield series["metric"], [(at, value) for at, value in values if math.isfinite(value)]


def named(legend, labels):
    for label, value in labels.items():
        legend = legend.replace("{{" + label + "}}", value)
    return legend


def shown(value, unit):
    """A value as people read it."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s" and 0 < value < 1:
        return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"
    scales = [(1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB")]
    if unit != "bytes":
        scales = [(1e6, " M"), (1e3, " k")]
    for size, suffix in scales if unit != "s" else []:
        if value >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}" + {"s": " s", "reqps": "/s", "bytes": " B"}.get(unit, "")


def panel(prometheus, panel):
    """A panel as HTML."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    series = []
    for target in panel["targets"]:
        for labels, values in ask(prometheus, target["expr"]):
            if values:
                series.append((named(target["legendFormat"], labels), values))
    top = max((value for _, values in series for _, value in values), default=0) or 1
    end = max((values[-1][0] for _, values in series), default=0)
    height = HEIGHT - 2 * TOP
    lines = []
    for part in range(5):
        y = TOP + height * part / 4
        label = html.escape(shown(top * (4 - part) / 4, unit))
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="#2c2f36"/>')
        lines.append(f'<text x="{LEFT - 5}" y="{y + 3}" text-anchor="end">{label}</text>')
    for number, (_, values) in enumerate(series):
        points = " ".join(
            f"{LEFT + (WIDTH - LEFT) * (1 - (end - at) / SECONDS):.1f},"
            f"{TOP + height * (1 - value / top):.1f}"
            for at, value in values
        )
        colour = COLOURS[number % len(COLOURS)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    legend = " ".join(
        f'<i style="color:{COLOURS[number % len(COLOURS)]}">&#9644;</i> {html.escape(name)}'
        f" <b>{html.escape(shown(values[-1][1], unit))}</b>&ensp;"
        for number, (name, values) in enumerate(series[:8])
    )
    svg = f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(lines)}</svg>'
    return f'<div class="panel"><h2>{html.escape(panel["title"])}</h2>{svg}<p>{legend}</p></div>'


STYLE = """
body{margin:0;padding:8px;width:1380px;background:#111217;color:#ccccdc;font:11px sans-serif}
h1{font-size:14px;margin:8px 4px 4px;width:100%} h2{font-size:12px;margin:0 0 4px;font-weight:600}
body>div{display:flex;flex-wrap:wrap}
.panel{background:#181b1f;border:1px solid #2c2f36;margin:3px;padding:6px;width:438px}
svg text{fill:#9a9ba5;font-size:9px} p{margin:2px 0 0;height:26px;overflow:hidden} i{font-style:normal}
"""


def main(prometheus, picture):
    dashboard = json.loads(DASHBOARD.read_text())
    parts = []
    for each in dashboard["panels"]:
        is_row = each["type"] == "row"
        parts.append(f"<h1>{each['title']}</h1>" if is_row else panel(prometheus, each))
    page = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><div>{''.join(parts)}</div>"
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("there is no headless Chromium, hint: Debian has chromium-headless-shell")
    # Every row of the dashboard is filled up with panels, three side by side.
    rows = sum(1 for each in dashboard["panels"] if each["type"] == "row")
    height = 20 + rows * 28 + math.ceil((len(dashboard["panels"]) - rows) / 3) * 220
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "dashboard.html"
        file.write_text(page)
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"]
        size = [f"--window-size=1396,{height}", "--force-device-scale-factor=0.8"]
        command = [browser, *options, *size, f"--screenshot={picture}", file.as_uri()]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(*sys.argv[1:])
