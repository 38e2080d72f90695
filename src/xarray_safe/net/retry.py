"""When to try a failed request again, and how long to wait before: one policy for all that uses a network.

The loops that try are those of their clients, an asynchronous one for remote reading and one of requests for the
catalogues and downloads. What they share is here: the limits, the count of tries and what a server asks for.
urllib3's `Retry` does not serve: it has no limit on ``Retry-After`` nor on the sum of all waits, sleeps by itself, and
knows nothing of bodies that break off, nor of aiohttp and botocore.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from xarray_safe.runtime import PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait and how often to try.

    Parameters
    ----------
    connect
        Seconds until a connection must be established.
    read
        Seconds of silence after which a connection counts as dead, and in which a download must make progress.
    answer
        Seconds until an answer must be complete (downloads excepted).
    tries
        Maximum tries of what fails without any progress (at least one).
    pause
        Seconds before the second try; doubled for each further one, up to `longest_pause`.
    patience
        Maximum seconds to wait in all because the server asks for it (429, ``Retry-After``), and for another process
        that downloads the same product but makes no progress.
    longest_pause
        Maximum seconds between two tries, unless the server asks for more.
    """

    connect: float = 10.0
    read: float = 60.0
    answer: float = 120.0
    tries: int = 5
    pause: float = 0.5
    patience: float = 120.0
    longest_pause: float = 30.0

    @property
    def deadline(self) -> float:
        """Seconds after which a request has ended, with an answer or an error."""
        return self.tries * (self.answer + 1.25 * self.longest_pause) + self.patience + self.answer

    def backoff(self, failures: int) -> float:
        """Return seconds to wait after a number of failures; partly random, so that clients do not retry in step."""
        return min(self.pause * 2.0 ** (failures - 1), self.longest_pause) * random.uniform(0.75, 1.25)


@dataclass
class Attempts:
    """The failed tries of one request.

    Parameters
    ----------
    policy
        Its limits.
    failures
        Failures since there was any progress.
    refusals
        Answers "too many requests", which do not count as failures.
    waited
        Seconds of pauses that the server asked for, the next one among them.
    pause
        Seconds to wait before the next try.
    """

    policy: RetryPolicy
    failures: int = 0
    refusals: int = 0
    waited: float = 0.0
    pause: float = 0.0

    def count(self, *, busy: bool = False, after: float | None = None) -> None:
        """Count a failed try.

        Parameters
        ----------
        busy
            Whether the server answered "too many requests" (429).
        after
            Seconds that the server asks to wait.
        """
        self.failures += not busy
        self.refusals += busy
        self.pause = max(self.policy.backoff(max(self.failures, self.refusals, 1)), after or 0.0)
        if busy or after is not None:
            self.waited += self.pause

    def progressed(self) -> None:
        """Forget the failures: the last try brought something, the next one follows soon."""
        self.failures = 0
        self.pause = self.policy.backoff(1)

    @property
    def exhausted(self) -> bool:
        """True if there is no further attempt."""
        return self.failures >= self.policy.tries

    @property
    def too_long(self) -> bool:
        """True if the server asks to wait longer than the limit."""
        return self.waited > self.policy.patience


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait; None if it does not say."""
    text = headers.get("Retry-After", headers.get("retry-after", ""))
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


REMOTE = RetryPolicy(answer=180.0, pause=0.25, longest_pause=10.0)
"""For remote reading, many small ranges: shorter pauses. Its tries and time-out are settings."""

remote_policy: PerProcess[RetryPolicy] = PerProcess(
    lambda: replace(REMOTE, read=settings().timeout, tries=settings().tries)
)
"""The policy of remote reading in this process."""
