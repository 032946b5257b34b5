import sys

if sys.argv[:1] == ["-m"]:  # of `python -m tests.attack`; see `shared`
    from shared.startup import check_environment

    check_environment()
