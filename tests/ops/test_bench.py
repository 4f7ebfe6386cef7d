"""What `make bench` measures with: decisions made beforehand, shares of a processor, and ratios as they are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.topics import ADJUSTED, DISCLOSURES
from streams.processors.settlement import Fate
from streams.simulate import events
from tests.bench import report, share
from tests.bench.canned import CannedProcessor, Given
from tests.bench.contenders import HalfCore
from tests.bench.peers import CannedFaust, CannedQuix
from tests.bench.results import Case, Results
from tests.bench.throughput import Throughput
from tests.builders import SECRET, installed_rulebook


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_decisions_made_beforehand_answer_ours_under_their_own_key_and_pass_over_the_rest() -> None:
    process = CannedProcessor(installed_rulebook(), SECRET, "test")

    for key, value in events(7, 20, 1.0, 0.0):
        answer = process(Given(value, key))
        assert answer.fate is Fate.DECIDED
        assert answer.money is not None
        assert [(output.topic, output.key) for output in answer.outputs] == [(ADJUSTED, key), (DISCLOSURES, key)]
    for key, value in events(7, 20, 0.0, 0.0):
        assert process(Given(value, key)).fate is Fate.PASSED_OVER


@pytest.mark.skipif(not share.possible(), reason="no control group can be made here")
def test_a_process_is_held_to_its_share_until_the_end_whatever_happens(sleeper: subprocess.Popen[bytes]) -> None:
    held = ExitStack()
    group = held.enter_context(share.at_most(sleeper.pid, 0.5))
    limit = next(file for name in ("cpu.max", "cpu.cfs_quota_us") if (file := group / name).exists())
    assert limit.read_text().split()[0] == "50000"
    assert (group / "cgroup.procs").read_text().split() == [str(sleeper.pid)]

    with pytest.raises(RuntimeError, match="in between"), held:
        raise RuntimeError("in between")

    assert not group.exists()
    assert sleeper.poll() is None, "it is set free, not ended"


def test_shares_are_impossible_where_there_are_no_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "_MOUNT", tmp_path / "none")

    assert not share.possible()


def test_halves_are_told_only_where_they_were_measured_and_what_is_not_asked_for_has_no_verdict() -> None:
    results = Results()
    for name, rate in ((report.CANNED, 300), (CannedQuix.name, 100)):
        results.throughput[Case("100 %", 1, name)].append(Throughput(rate, 1.0, 1.0, 0))
    told = {name: rest for name, *rest in report.target_rows(results)}
    assert told["100 % ours, decisions made beforehand: Quix Streams"] == ["–", "3.00", "for comparison"]
    halves = "100 % ours: two processes to one, half a core each"
    assert halves not in told

    for processes, rate in ((1, 100), (2, 180)):
        results.throughput[Case("100 %", processes, HalfCore().name)].append(Throughput(rate, 1.0, 1.0, 0))
    assert {name: rest for name, *rest in report.target_rows(results)}[halves] == ["≥ 1.7", "1.80", "reached"]


def test_what_a_decide_may_cost_is_worked_out_from_what_lies_around_it() -> None:
    results = Results()
    costs = {report.CANNED: 15, CannedFaust.name: 330, CannedQuix.name: 20, report.SETTLE: 65}
    for name, micros in costs.items():
        results.throughput[Case("100 %", 1, name)].append(Throughput(1_000_000, 1.0, micros, 0))

    told = report.bounds(results)

    # 10 * (15 + 20) = 330 + 20; around it Quix takes less than twice what the worker does.
    assert "10 times Faust, which takes 330 µs around it, with a decide of at most 20 µs" in told
    assert "2 times Quix Streams, which takes 20 µs around it, with a decide of less than nothing" in told
    assert "In the worker it takes 50 µs." in told
