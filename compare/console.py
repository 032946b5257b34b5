"""The console script ``lockstep``."""

from __future__ import annotations

from shared.startup import begin


def lockstep() -> int:
    """Run the command line (see `compare.__main__`) and return its exit code."""
    begin()
    from compare.__main__ import main  # it takes time to import

    return main()
