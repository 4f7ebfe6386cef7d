"""What holds of every answer, over the whole input space."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.adjusted import AdjustedRecord
from schemas.disclosures import DisclosureRecord
from tests.builders import Event, event, line, process, refund
from tests.strategies import settlements, yuan

ADJUSTED: TypeAdapter[Any] = TypeAdapter(AdjustedRecord)
DISCLOSURE: TypeAdapter[Any] = TypeAdapter(DisclosureRecord)
SHARES = ("fund_amount", "assistance_amount", "patient_amount", "hospital_disallowed_amount")
SHAOXING = {"hospital": {"region": "330602"}, "patient": {"insured_region": "330600"}}
NINGBO = {"hospital": {"region": "330203"}, "patient": {"insured_region": "330200"}}


def decided(made: Event) -> dict[str, Any]:
    answer = process(made)
    assert answer.adjusted is not None, answer.detail
    return answer.adjusted


def money(record: dict[str, Any], name: str) -> Decimal:
    return Decimal(record[name])


@given(settlements())
def test_every_fen_has_one_bearer_and_the_national_fields_add_up(made: Event) -> None:
    record = decided(made)
    for part in (*record["lines"], record["totals"]):
        assert money(part, "charged_amount") == sum(money(part, share) for share in SHARES)
    for one in record["lines"]:
        nhsa, charged = one["nhsa"], money(one, "charged_amount")
        assert money(nhsa, "det_item_fee_sumamt") == charged
        assert charged == sum(
            money(nhsa, name) for name in ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
        )
        assert all(money(one, share) * charged >= 0 for share in SHARES)
        assert "-0.00" not in {one[share] for share in SHARES}
    for total in (*SHARES, "charged_amount"):
        assert money(record["totals"], total) == sum(money(one, total) for one in record["lines"])


@given(settlements())
def test_every_record_is_what_the_published_contract_says(made: Event) -> None:
    answer = process(made)
    ADJUSTED.validate_python(answer.adjusted)
    if answer.disclosure is not None:
        DISCLOSURE.validate_python(answer.disclosure)


@given(settlements())
def test_the_order_of_lines_in_the_event_changes_nothing(made: Event) -> None:
    turned = made | {"line_items": made["line_items"][::-1]}
    assert process(turned).outputs == process(made).outputs


@given(settlements())
def test_every_reason_and_every_share_is_traced(made: Event) -> None:
    for one in decided(made)["lines"]:
        traced = [step["reason"] for step in one["trace"] if "reason" in step]
        assert sorted(traced) == sorted(one["reasons"])
        assert one["trace"][-1]["amount"] == one["patient_amount"]
        if one["outcome"] == "covered":
            assert one["fund_amount"] in {step["amount"] for step in one["trace"]}


@given(settlements())
def test_only_a_covered_line_is_paid_and_only_a_line_in_review_says_what_if(made: Event) -> None:
    for one in decided(made)["lines"]:
        covered = one["outcome"] == "covered"
        assert (one["fund_bucket"] is not None) == covered
        assert covered or (one["fund_amount"], one["assistance_amount"]) == ("0.00", "0.00")
        assert one["if_approved"] is None or one["outcome"] == "needs_review"


@given(amount=yuan(), ownership=st.sampled_from(["public", "private"]))
def test_an_unpaired_refund_is_the_mirror_image_of_its_charge(amount: str, ownership: str) -> None:
    place = {**NINGBO, "hospital": {"region": "330203", "ownership": ownership}}
    charge = decided(event(line(amount), **place))["lines"][0]
    mirror = decided(event(refund(f"-{amount}", line_no=1), **place))["lines"][0]
    for name in (*SHARES, "charged_amount", "eligible_amount", "out_of_catalogue_amount"):
        assert money(mirror, name) == -money(charge, name)
    assert (mirror["outcome"], mirror["reasons"]) == (charge["outcome"], charge["reasons"])


@given(first=yuan(5_300), second=yuan(5_300), own_paid=yuan(410_000))
def test_a_progressive_amount_in_two_lines_pays_as_in_one_to_within_a_fen(
    first: str, second: str, own_paid: str
) -> None:
    account = {"own_paid_ytd": own_paid}
    whole = str(Decimal(first) + Decimal(second))
    quantity = {"quantity": "4"}  # so that no ceiling cuts
    one = decided(event(line(whole, **quantity), **SHAOXING, account=account))
    two = decided(event(line(first, **quantity), line(second, line_no=2, **quantity), **SHAOXING, account=account))
    assert abs(money(one["totals"], "fund_amount") - money(two["totals"], "fund_amount")) <= Decimal("0.01")


@given(amount=yuan(), more=yuan(), own_paid=yuan(94_000))
def test_charging_more_never_makes_a_public_hospitals_patient_or_the_fund_pay_above_the_regulated_price(
    amount: str, more: str, own_paid: str
) -> None:
    account = {"own_paid_ytd": own_paid}
    dearer = str(Decimal(amount) + Decimal(more))
    less = decided(event(line(amount), account=account))["lines"][0]
    high = decided(event(line(dearer), account=account))["lines"][0]
    top = decided(event(line("5300.00"), account=account))["lines"][0]
    assert money(less, "fund_amount") <= money(high, "fund_amount") <= money(top, "fund_amount")
    assert money(high, "fund_amount") + money(high, "patient_amount") <= Decimal("5300.00")
