"""The breaker stops a worker that turns everything into dead letters, and no other."""

import pytest

from streams.bus.breaker import Breaker, BreakerPolicy

DEAD, FINE = True, False


def test_a_run_of_dead_letters_opens_it() -> None:
    breaker = Breaker(BreakerPolicy(run=3, share=1, window=1_000))

    assert breaker.after([DEAD, DEAD]).tripped is None
    assert breaker.after([DEAD, DEAD]).after([DEAD]).tripped == "3 dead letters in a row"


def test_one_decided_record_ends_the_run() -> None:
    breaker = Breaker(BreakerPolicy(run=3, share=1, window=1_000))

    assert breaker.after([DEAD, DEAD, FINE, DEAD, DEAD]).tripped is None


def test_a_larger_share_than_allowed_opens_it_once_a_window_is_full() -> None:
    breaker = Breaker(BreakerPolicy(run=0, share=0.5, window=10))

    assert breaker.after([DEAD, DEAD, DEAD]).tripped is None
    assert breaker.after([DEAD, FINE] * 5).tripped is None
    assert breaker.after([DEAD, FINE] * 4 + [DEAD, DEAD]).tripped == "6 dead letters among 10 answered records"


def test_the_share_is_of_the_last_two_windows_and_not_of_all_time() -> None:
    healthy = Breaker(BreakerPolicy(run=0, share=0.5, window=10)).after([FINE] * 10_000)

    assert healthy.after([DEAD] * 10).tripped is None
    assert healthy.after([DEAD] * 11).tripped is not None


@pytest.mark.parametrize("answers", [[DEAD] * 10_000, [DEAD, FINE] * 10_000])
def test_both_limits_can_be_turned_off(answers: list[bool]) -> None:
    assert Breaker(BreakerPolicy(run=0, share=1, window=10)).after(answers).tripped is None


def test_it_stays_open() -> None:
    breaker = Breaker(BreakerPolicy(run=1, share=1, window=10)).after([DEAD])

    assert breaker.after([FINE] * 100).tripped == "1 dead letters in a row"


def test_a_batch_thrown_away_leaves_no_trace() -> None:
    breaker = Breaker(BreakerPolicy(run=3, share=1, window=10))
    breaker.after([DEAD, DEAD])

    assert breaker.after([DEAD, DEAD]).tripped is None


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_how_the_answers_are_cut_into_batches_does_not_matter(cut: int) -> None:
    answers = [DEAD, FINE, FINE] * 20 + [DEAD, FINE, DEAD] * 20
    whole = cut_up = Breaker(BreakerPolicy(run=5, share=0.6, window=16))
    whole = whole.after(answers)
    for start in range(0, len(answers), cut):
        cut_up = cut_up.after(answers[start : start + cut])

    assert cut_up == whole
