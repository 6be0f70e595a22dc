"""How long to leave alone what has failed, or has asked to be asked again."""

from __future__ import annotations

from temper.machine import Retry


def back_off(retry: Retry, failed: int) -> int:
    """Milliseconds to wait after so many failed attempts, or so many times asked again.

    >>> [back_off(Retry(attempts=5, first=1000, factor=2, cap=5000), failed) for failed in (1, 2, 3, 4)]
    [1000, 2000, 4000, 5000]
    """
    wait = retry.first
    for _ in range(failed - 1):
        wait *= retry.factor
        if wait >= retry.cap:
            break
    return min(wait, retry.cap)
