"""A notice to begin with: commented YAML that passes the check and decides nothing that nobody has stated.

What a source must state and the writer has not given yet is written so that the answer is `needs_review`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from streams.rulebook.wire import INDICATIONS

KINDS: Final = ("price", "coverage", "benefit", "disclosure", "out_of_area_factors", "monitoring")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a notice when one begins to write it. `unit_price` in yuan, `ratio` and `factor` 0 to 1."""

    id: str
    title: str
    source: str
    authority: str
    found: str
    clause: str
    says: str
    region: str
    exam: str
    effective_from: date
    effective_to: date | None
    reviewed_until: date
    kinds: tuple[str, ...]
    unit_price: str | None = None
    ratio: str | None = None
    factor: str | None = None


def needs(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The numbers without which no notice of these kinds can be written."""
    return tuple(name for kind, name in (("price", "unit_price"), ("out_of_area_factors", "factor")) if kind in kinds)


def notice_yaml(draft: Draft) -> str:
    lines = [
        "# Every line that begins with # is for you: read it, act on it, delete it. Then: petct rulebook check FOLDER",
        "# says quotes the document in its own words; what is put together or summed up stands in 〔 〕.",
        "# A number the document does not state is not written: leave it away, or write `ratio: unknown` in a band.",
        f"id: {draft.id} # also the name of this file",
        f"title: {_quoted(draft.title)}",
        f"source: {_quoted(draft.source)} # the number or name of the document",
        f"authority: {draft.authority} # official, press or article; an entry may state its own",
        "# printed: 2021-06-25 # the day on the document",
        "# posted: 2021-06-30 # the day it could be read; when that is later than effective_from, think of a replay",
        f"found: {_quoted(draft.found)} # where its text or figures were found",
        "entries:",
    ]
    for kind in draft.kinds:
        lines += [f"  {kind}: # its rule id is {draft.id}/{kind}"]
        lines += [f"    {line}" for line in (*_common(draft), *_OWN[kind](draft))]
        lines += [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _common(draft: Draft) -> Iterator[str]:
    yield f"source: {_quoted(draft.source)}"
    yield f"clause: {_quoted(draft.clause)} # the clause of this entry"
    yield f"says: {_quoted(draft.says)} # the few words that state it"
    yield f'region: "{draft.region}" # with all its cities and districts, unless one has an entry of its own'
    yield f"exam: {draft.exam}"
    yield f"effective_from: {draft.effective_from} # the first day of service it applies to"
    if draft.effective_to is not None:
        yield f"effective_to: {draft.effective_to} # the first day it no longer applies"
    else:
        yield "# effective_to: 2030-01-01 # the first day it no longer applies, where one is stated"
    yield f"reviewed_until: {draft.reviewed_until} # by then someone must look whether it still holds"


def _price(draft: Draft) -> Iterator[str]:
    yield f'unit_price: "{draft.unit_price}" # yuan for one examination, in quotes'
    yield "role: price # or ceiling, where cities may set less"
    yield "binds: [public] # of public, public_equivalent, private: whose charges it limits"


def _coverage(_: Draft) -> Iterator[str]:
    yield "schemes: [employee, resident]"
    yield "# Every indication stands in one of the three. As long as it is in doubtful, the answer is needs_review."
    yield "covered: []"
    yield "doubtful: # what the text does not decide"
    yield from (f"  - {indication}" for indication in INDICATIONS)
    yield "excluded: []"
    yield '# payment_ceiling: {amount: "5300.00", clause: 二, says: 大病保险按上述价格支付}'
    yield "out_of_area:"
    yield "  terms: after_review # or local_terms, same_province, filing_required"
    yield "  clause: 〔未载〕 # its own clause"
    yield "  says: 〔the document says nothing about other cities〕"
    yield "accepts_suspicion: false # true where a strong suspicion is enough"
    yield "requires_clinical_basis: false # true where the request must name its basis"


def _benefit(draft: Draft) -> Iterator[str]:
    yield "# The fund of each scheme served: hifob_pay (employee), hifmi_pay (resident), hifp_pay (pooled fund)."
    yield "buckets: {employee: hifob_pay, resident: hifmi_pay}"
    if draft.ratio is not None:
        yield "kind: flat # or progressive, by bands of what was paid this year; or platform_ratio"
        yield f'ratio: "{draft.ratio}" # of the eligible amount'
    else:
        yield "kind: progressive # or flat, with one ratio; or platform_ratio"
        yield "bands: # of own_paid_ytd; below the first one nothing is paid"
        yield '  # - {lower: "25000.00", upper: "100000.00", ratio: "0.75"}'
        yield '  - {lower: "0.00", ratio: unknown} # unknown: the answer is needs_review'
    yield "assistance_unknown: true # until the terms for assisted patients are written"


def _disclosure(_: Draft) -> Iterator[str]:
    yield "frequency: daily"
    yield "fields: [surname, age, diagnosis, price]"


def _out_of_area_factors(draft: Draft) -> Iterator[str]:
    yield "factors: # one for each kind of filing: long_term, referral, emergency, temporary"
    yield "  - kind: long_term"
    yield "    # where: in_province # or out_of_province; without it, both"
    yield f'    factor: "{draft.factor}"'
    yield f"    clause: {_quoted(draft.clause)}"
    yield f"    says: {_quoted(draft.says)}"


def _monitoring(_: Draft) -> Iterator[str]:
    return iter(())


_OWN: Final = {
    "price": _price,
    "coverage": _coverage,
    "benefit": _benefit,
    "disclosure": _disclosure,
    "out_of_area_factors": _out_of_area_factors,
    "monitoring": _monitoring,
}


def _quoted(text: str) -> str:
    """A JSON string is a YAML one."""
    return json.dumps(text, ensure_ascii=False)
