"""Commands that are started, watched and disturbed while they run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.conftest import ROOT


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments; what still runs in the end is killed."""
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(what: Callable[[], bool], seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < last, "waited for too long"
        time.sleep(0.02)
