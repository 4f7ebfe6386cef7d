"""What a run may be told, before it asks any broker."""

import pytest

from streams.replay import Options
from streams.replay.errors import PlanError


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-9, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    """Below one in a quarter of an hour a run would not end; without a limit the rate is left out."""
    with pytest.raises(PlanError, match=r"must be a number of 0\.001 or more"):
        Options(rate=rate)


def test_any_other_rate_will_do() -> None:
    assert Options(rate=0.001).rate == 0.001
    assert Options(rate=None).rate is None


def test_who_emits_says_why() -> None:
    with pytest.raises(PlanError, match="must say why"):
        Options(emit=True, why=" ")
