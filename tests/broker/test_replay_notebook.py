"""The notebook example of docs/replay.md, run as it is written."""

import asyncio
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED
from streams import replay
from tests.broker.replaying import past, settlements
from tests.broker.workers import CHECKOUT

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


async def test_the_example_makes_a_table_of_the_differences(
    real_kafka: RealKafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_ningbo = await past(real_kafka.bootstrap_servers, prefix, tmp_path)
    await of_ningbo.settle(list(settlements(300)))
    for name, value in of_ningbo.environment().items():
        monkeypatch.setenv(name, value)
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs/replay.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}

    # Within a running event loop, as in a notebook.
    exec(example, names)

    (row,) = names["by_outcome"].to_dicts()
    assert row == {
        "outcome_before": "needs_review",
        "outcome_after": "covered",
        "settlements": 3,
        "fund_more": Decimal("3180.00"),
    }


async def test_leaving_early_stops_the_run_and_what_it_raises_is_raised(
    real_kafka: RealKafka, prefix: str, tmp_path: Path
) -> None:
    of_ningbo = await past(real_kafka.bootstrap_servers, prefix, tmp_path)
    await of_ningbo.settle(list(settlements(300)))
    plan = await of_ningbo.plan()
    written = await of_ningbo.ends(ADJUSTED)

    run = replay.run(plan, replay.Options(rate=50), settings=of_ningbo.settings)
    await asyncio.to_thread(run.close)
    assert list(run) == []
    assert run.outcome is None or not run.outcome.finished
    assert await of_ningbo.ends(ADJUSTED) == written

    other = of_ningbo.settings.model_copy(update={"group_id": "another"})
    with pytest.raises(replay.ReplayError, match="PETCT_GROUP_ID"):
        list(replay.run(plan, settings=other))
