"""When to try again: the policy, the count of tries, and what servers ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from xarray_safe.access import Limits
from xarray_safe.net.retry import REMOTE, Attempts, RetryPolicy, remote_policy, retry_after


def test_pauses_double_up_to_a_limit_and_are_a_little_random() -> None:
    policy = RetryPolicy(pause=1.0, longest_pause=5.0)
    for failures, middle in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (50, 5.0)]:
        pauses = {policy.backoff(failures) for _ in range(50)}
        assert len(pauses) > 1
        assert 0.75 * middle <= min(pauses) <= max(pauses) <= 1.25 * middle


def test_tries_end() -> None:
    attempts = Attempts(RetryPolicy(tries=3))
    for number in (1, 2, 3):
        assert not attempts.exhausted
        attempts.count()
        assert (attempts.failures, attempts.waited) == (number, 0.0)
    assert attempts.exhausted


def test_refusals_are_not_failures_but_patience_ends() -> None:
    attempts = Attempts(RetryPolicy(tries=1, patience=10.0))
    attempts.count(busy=True, after=6.0)
    assert (attempts.exhausted, attempts.too_long, attempts.pause) == (False, False, 6.0)
    attempts.count(busy=True, after=6.0)
    assert (attempts.exhausted, attempts.too_long, attempts.waited) == (False, True, 12.0)


def test_a_server_cannot_make_one_wait_less_than_the_policy() -> None:
    attempts = Attempts(RetryPolicy(pause=1.0))
    attempts.count(after=0.0)
    assert attempts.pause >= 0.75


def test_progress_forgets_failures() -> None:
    attempts = Attempts(RetryPolicy(tries=2, pause=1.0))
    attempts.count()
    attempts.progressed()
    attempts.count()
    assert not attempts.exhausted
    attempts.count()
    assert attempts.exhausted


def test_the_deadline_is_after_all_tries() -> None:
    policy = RetryPolicy(tries=4, answer=10.0, pause=1.0, longest_pause=2.0, patience=5.0)
    assert policy.deadline >= 4 * 10.0 + 3 * 2.5 + 5.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("soon", None), ("7", 7.0), ("9" * 40, 999_999_999.0), ("-3", None)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}) == seconds
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    found = retry_after({"Retry-After": format_datetime(later, usegmt=True)})
    assert found is not None
    assert 90 < found <= 100
    assert retry_after({"Retry-After": "Fri, 01 Jan 2021 00:00:00 GMT"}) == 0.0


def test_the_policy_of_remote_reading_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_TRIES", "3")
    monkeypatch.setenv("XARRAY_SAFE_TIMEOUT", "0.5")
    found = remote_policy()
    assert (found.tries, found.read) == (3, 0.5)
    assert (found.answer, found.pause) == (REMOTE.answer, REMOTE.pause)


def test_limits_are_the_policy() -> None:
    assert Limits(connect=1, read=2, answer=3, tries=4, pause=5, patience=6) == RetryPolicy(1, 2, 3, 4, 5, 6)
