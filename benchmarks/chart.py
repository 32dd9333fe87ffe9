"""The chart: the processor time per request as an SVG with a light and a dark theme."""

from collections.abc import Iterator
from html import escape

from benchmarks.report import HEADLINE, Report, server_cost
from benchmarks.workloads import Workload

WIDTH, NAMES, BARS = 760, 120, 440
LINE, GAP, TOP = 20, 34, 70

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 } .group { font-weight: 600 } .note { fill: #59636e }
.bar { fill: #8c959f } .ours { fill: #0969da } .paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .note { fill: #9198a1 }
.bar { fill: #656c76 } .ours { fill: #4493f8 } .paper { fill: #0d1117 }
}
"""


def svg(report: Report) -> str:
    """Return the chart of all workloads."""
    body: list[str] = []
    y = TOP
    for workload in report.workloads:
        body.append(text(16, y, f"{workload.name}: {workload.title}", "group"))
        bars = list(group(report, workload, y + 8))
        body += bars
        y += len(bars) // 3 * LINE + GAP
    note = "ms of processor time of the server per request; each group has its own scale"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
                f'viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{escape(note)}">'
            ),
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{y}" rx="6"/>',
            text(16, 28, f"CPU per request, {HEADLINE} connections: less is better", "title"),
            text(16, 47, note, "note"),
            *body,
            "</svg>\n",
        ]
    )


def group(report: Report, workload: Workload, y: int) -> Iterator[str]:
    """Yield a name, a bar and a number for each target that supports the workload."""
    times = {
        target.name: sample.cpu * 1e3
        for target in report.targets
        if (sample := report.measurements.median_of(target.name, workload.name, HEADLINE))
    }
    longest = max(times.values(), default=0) or 1
    for place, (name, time) in enumerate(times.items()):
        top = y + place * LINE
        width = max(1, BARS * time / longest)
        style = "ours" if name.startswith("ours") else "bar"
        yield text(16, top + 14, name)
        yield (
            f'<rect class="{style}" x="{NAMES}" y="{top + 3}" width="{width:.1f}" '
            f'height="{LINE - 6}" rx="2"/>'
        )
        ratio = report.ratio(name, workload.name, "baseline", server_cost)
        yield text(int(NAMES + width + 8), top + 14, f"{time:.2f} ms, {ratio} of baseline", "note")


def text(x: int, y: int, content: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{style}">{escape(content)}</text>'
