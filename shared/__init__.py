"""Everything that must be one thing for all four implementations; no framework is imported here."""

import sys

if sys.argv[:1] == ["-m"]:  # Python looks for `shared.vectors`, and imports that package before its `__main__`
    from shared.startup import check_environment

    check_environment()

__version__ = "0.1.0"
