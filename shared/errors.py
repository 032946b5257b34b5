"""The exceptions that users see."""


class LockstepError(Exception):
    """A problem that the user can mend.

    The message is one line: what is wrong, where, and what to do. Every command prints it as
    ``error: <message>`` and exits with code 2.
    """


class BusyError(LockstepError):
    """Another process is at work in the same place: exit code 75, "try again later" (sysexits.h)."""
