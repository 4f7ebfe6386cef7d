"""What the hospital may charge. What a bound hospital charges above the regulated price is its own.

Source: 浙医保发〔2021〕31号, 二; 杭医保〔2021〕30号, 二.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.decimals import ZERO, plain, times, to_fen
from streams.adjudication.case import Case, Charge
from streams.adjudication.trace import Step, by_rule
from streams.rulebook.model import PriceRule

_TOLERANCE: Final = Decimal("0.01")


class Pricing:
    """`allowed` + `disallowed` = what was charged within the catalogue, in yuan."""

    def __init__(
        self,
        rule: PriceRule | None,
        allowed: Decimal,
        disallowed: Decimal,
        reasons: tuple[str, ...],
        steps: tuple[Step, ...],
    ) -> None:
        self.rule: Final = rule
        self.allowed: Final = allowed
        self.disallowed: Final = disallowed
        self.reasons: Final = reasons
        self.steps: Final = steps


def pricing(case: Case, charge: Charge) -> Pricing:
    """What lies in the catalogue, and what of it is allowed. The price follows the hospital's region."""
    in_catalogue = charge.in_catalogue
    steps = [Step("split", f"in catalogue = {charge.amount} − {charge.out_of_catalogue}", in_catalogue)]
    reasons: list[str] = []
    hospital = case.event.hospital
    rule = case.rulebook.price(hospital.region, charge.exam, charge.line.service_date)
    allowed, disallowed = in_catalogue, ZERO
    if rule is not None:
        steps.append(by_rule("price", rule, rule.says, amount=rule.unit_price))
        if hospital.ownership in rule.binds:
            ceiling = to_fen(times(rule.unit_price, charge.quantity))
            allowed = min(in_catalogue, ceiling)
            disallowed = in_catalogue - allowed
            says = f"allowed = min({in_catalogue}, {rule.unit_price} × {plain(charge.quantity)} = {ceiling})"
            steps.append(by_rule("allowed", rule, says, amount=allowed))
            if disallowed:
                reason = "charged_above_regulated_price"
                says = f"borne by the hospital (超标准收费) = {in_catalogue} − {allowed}"
                steps.append(by_rule("disallowed", rule, says, amount=disallowed, reason=reason))
                reasons.append(reason)
            if charge.out_of_catalogue:
                reason = "out_of_catalogue_beside_regulated_price"
                says = "charged out of the catalogue beside a regulated price"
                steps.append(by_rule("out_of_catalogue", rule, says, amount=charge.out_of_catalogue, reason=reason))
                reasons.append(reason)
        else:
            says = f"binds {', '.join(sorted(rule.binds))}, not {hospital.ownership}"
            steps.append(by_rule("allowed", rule, says, amount=allowed))
    arithmetic = _arithmetic(charge)
    if arithmetic is not None:
        steps.append(arithmetic)
        reasons.append("amount_differs_from_price_times_quantity")
    return Pricing(rule, allowed, disallowed, tuple(reasons), tuple(steps))


def _arithmetic(charge: Charge) -> Step | None:
    product = times(charge.line.unit_price, charge.quantity)
    if abs(product - charge.amount) <= _TOLERANCE:
        return None
    quantity, unit_price = plain(charge.quantity), plain(charge.line.unit_price)
    says = f"{unit_price} × {quantity} = {plain(product)}; the amount stands"
    return Step("arithmetic", says, charge.amount, "amount_differs_from_price_times_quantity")
