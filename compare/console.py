"""The console script ``lockstep``."""

from __future__ import annotations

import os

from shared.startup import begin


def lockstep() -> int:
    """Run the command line (see `compare.__main__`) and return its exit code."""
    begin()
    from compare.__main__ import complete, main  # it takes time to import

    if "_ARGCOMPLETE" in os.environ:
        complete(os.environ.get("COMP_LINE", ""))
    return main()
