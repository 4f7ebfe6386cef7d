"""A report as one self-contained page: no script, nothing from outside."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment

from streams.replay.difference import BEARERS, Plain
from streams.replay.plans import Plan
from streams.replay.report import Report

_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Replay {{ plan.name }}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:right}
th:first-child,td:first-child{text-align:left}.bar{display:block;height:1rem;background:#2b6cb0}
summary{cursor:pointer}.two{display:grid;grid-template-columns:1fr 1fr;gap:2rem}code{word-break:break-all}
@media print{details{break-inside:avoid}}
</style></head><body>
<h1>Replay {{ plan.name }}: what changes</h1>
<p>{{ plan.since }} to {{ plan.until }}, source {{ plan.source }}, rulebook <code>{{ plan.rulebook }}</code></p>
<p><strong>{{ report.total.settlements }}</strong> settlements change.
{% for why, number in report.left_alone.items() %}{{ number }} left alone: {{ why }}. {% endfor %}</p>
{% macro moves(title, rows) %}
<h2>{{ title }}</h2>
<table><thead><tr><th scope="col"></th><th scope="col">settlements</th>
{% for bearer in bearers %}<th scope="col">{{ bearer }}, yuan more</th>{% endfor %}</tr></thead><tbody>
{% for name, row in rows %}<tr><td>{{ name }}</td><td>{{ row.settlements }}</td>
{% for bearer in bearers %}<td>{{ row.moved[bearer] }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table>{% endmacro %}
{{ moves("By bearer", [("all", report.total)]) }}
{{ moves("By outcome", report.by_outcome | dictsort) }}
{{ moves("By city of the insured", report.by_city | dictsort) }}
<h2>What the fund pays more, in yuan</h2>
<table><tbody>{% for label, number in bars %}<tr><td>{{ label }}</td><td>{{ number }}</td>
<td style="width:30rem"><span class="bar" style="width:{{ (100 * number / most) | round(1) }}%"></span></td></tr>
{% endfor %}</tbody></table>
<h2>The largest changes</h2>
{% for difference in report.largest %}<details><summary>{{ difference.settlement_id }}: {{ difference.kind }},
fund {{ difference.moved.fund }}, patient {{ difference.moved.patient }}</summary><div class="two">
{% for title, steps in ((“before”, derive(difference.before)), (“after”, derive(difference.after))) %}
<div><h3>{{ title }}</h3><ol>{% for step in steps %}<li>{{ step }}</li>{% endfor %}</ol></div>{% endfor %}
</div></details>{% endfor %}
</body></html>
""".replace("“", '"').replace("”", '"')


def page(plan: Plan, report: Report) -> str:
    bars = report.bars()
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(
        plan=plan,
        report=report,
        bearers=BEARERS,
        bars=bars,
        most=max(1, *(number for _, number in bars)),
        derive=derivation,
    )


def derivation(record: Plain | None) -> list[str]:
    """The steps of a decision, a line each."""
    if record is None:
        return ["nothing"]
    if "lines" not in record:
        return [str(record["event_type"]).removeprefix("settlement.")]
    steps = [f"{record['outcome']}, revision {record['revision']}"]
    for line in record["lines"]:
        for step in line["trace"]:
            clause = f" ({step['source']}, {step['clause']})" if step["source"] else ""
            amount = f": {step['amount']}" if step["amount"] is not None else ""
            steps.append(f"line {line['line_no']}, {step['step']}{amount}: {step['says']}{clause}")
    totals = record["totals"]
    steps.append(", ".join(f"{name.removesuffix('_amount')} {totals[name]}" for name in sorted(totals)))
    return steps
