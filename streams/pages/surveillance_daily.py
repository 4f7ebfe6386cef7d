"""The daily summary for the bureau as a file: CSV for a spreadsheet, JSON for machines, HTML for people.

Self-contained; the same day gives the same bytes. Counts and yuan, nothing of a person.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Final
from unicodedata import normalize

from streams.pages import render
from streams.surveillance.daily import COUNTED, By, Summary

_BOM: Final = "\ufeff"
_FORMULA: Final = frozenset("=+-@\t\r\n")
_HEADS: Final = {
    "new": ("新增", "new"),
    "reopened": ("重新打开", "open again"),
    "open": ("未办结", "open"),
    "acknowledged": ("其中已受理", "of them acknowledged"),
    "closed": ("已办结", "closed"),
    "withdrawn": ("已撤回", "withdrawn"),
}
_TABLES: Final[dict[By, tuple[str, str]]] = {
    "all": ("全部", "All"),
    "rule": ("按规则", "By rule"),
    "city": ("按城市", "By city"),
    "hospital": ("按医院", "By hospital"),
}
_KEYS: Final[dict[By, tuple[str, str]]] = {
    "all": ("范围", "scope"),
    "rule": ("规则", "rule"),
    "city": ("城市", "city"),
    "hospital": ("医院", "hospital"),
}
RULES: Final = {
    "overcharge": ("超标准收费", "charged above the price"),
    "duplicate_report_fee": ("重复收取报告费", "a report fee beside the scan"),
    "split_charge": ("分解项目收费", "a charge split up"),
    "repeat_scan": ("短期内重复检查", "scans repeated in short time"),
    "spend_spike": ("费用异常增长", "spending leaps"),
    "out_of_scope_share": ("范围外检查占比偏高", "a large share out of scope"),
    "indication_drift": ("适应症构成突变", "the mix of indications shifts"),
    "contradiction": ("适应症与诊断不符", "indication against diagnoses"),
}
"""Chinese, English. A finding is a suspicion: none of these accuses."""


def summary_csv(made: Summary) -> str:
    """With a byte order mark and CRLF, so that a spreadsheet opens it as what it is. No cell is taken for a formula."""
    out = io.StringIO(newline="")
    out.write(_BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["on", "by", "of", *COUNTED, "new_amount_at_stake", "open_amount_at_stake"])
    for by, of, tally in made.rows():
        writer.writerow([made.on.isoformat(), by, _defused(of), *map(str, tally.plain().values())])
    return out.getvalue()


def summary_json(made: Summary) -> str:
    return json.dumps(made.plain(), ensure_ascii=False, indent=1) + "\n"


def summary_html(made: Summary) -> str:
    """In Chinese and English on one page."""
    return render(
        "surveillance_daily.html.j2",
        words={"lang": "zh-CN"},
        made=made,
        heads=[_HEADS[name] for name in COUNTED],
        titles=_TABLES,
        keys=_KEYS,
        rules=RULES,
    )


WRITE: Final[dict[str, Callable[[Summary], str]]] = {"csv": summary_csv, "json": summary_json, "html": summary_html}


def _defused(cell: str) -> str:
    """Codes of hospitals come from events: what a spreadsheet would take for a formula is text by its apostrophe."""
    return f"'{cell}" if cell and normalize("NFKC", cell[0])[:1] in _FORMULA else cell
