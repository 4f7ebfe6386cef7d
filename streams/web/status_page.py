"""/status as a page: no script, nothing from outside, drawn anew by the browser every few seconds."""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment, Template

from streams.status import Status

_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>petct worker settle</title>
<meta http-equiv="refresh" content="5">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:left}
.n{text-align:right}.ok{color:#1d6b2f}.bad{color:#a11212}code{word-break:break-all}
</style></head><body>
<h1>petct worker settle</h1>
{% macro verdict(name, reasons) %}<p class="{{ 'bad' if reasons else 'ok' }}"><strong>{{ name }}:</strong>
{{ reasons | join('; ') if reasons else 'yes' }}</p>{% endmacro %}
{{ verdict("live", status.not_live) }}{{ verdict("ready", status.not_ready) }}
<p>Group {{ status.group }}, member {{ status.member or "without a name" }};
a broker answered last {{ status.broker_seen or "never" }}.</p>
<h2>Rulebook</h2>
{% if status.rulebook.hash %}<p><code>{{ status.rulebook.hash }}</code>, {{ status.rulebook.rules }} rules;
the first runs out of review {{ status.rulebook.review_deadline }}.</p>
{% else %}<p class="bad">{{ status.rulebook.missing or "not from the bus" }}</p>{% endif %}
<h2>Partitions of {{ status.topic }}</h2>
{% if status.partitions %}<table><thead><tr><th scope="col">partition</th><th scope="col">lane</th>
<th scope="col">next offset</th><th scope="col">records behind</th><th scope="col">seconds behind</th>
<th scope="col">progress</th><th scope="col">last error</th></tr></thead><tbody>
{% for held in status.partitions %}<tr><td class="n">{{ held.partition }}</td><td>{{ held.state }}</td>
{% for number in (held.position, held.lag_records, held.lag_seconds) %}
<td class="n">{{ "?" if number is none else number }}</td>
{% endfor %}<td>{{ held.last_progress }}</td><td>{{ held.last_error or "" }}</td></tr>{% endfor %}
</tbody></table>{% else %}<p>None.</p>{% endif %}
<h2>Errors since the start, the last first</h2>
{% if status.errors %}<table><thead><tr><th scope="col">error</th><th scope="col">times</th><th scope="col">last</th>
<th scope="col">where</th></tr></thead><tbody>
{% for seen in status.errors %}<tr><td>{{ seen.error }}</td><td class="n">{{ seen.times }}</td><td>{{ seen.last }}</td>
<td>{{ seen.place }}</td></tr>{% endfor %}
</tbody></table>{% else %}<p>None.</p>{% endif %}
<h2>Versions</h2>
<p>{% for name, version in status.versions.items() %}{{ name }} {{ version }}{{ ", " if not loop.last }}{% endfor %}</p>
</body></html>
"""


def page(status: Status) -> str:
    return _template().render(status=status)


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(_PAGE)
