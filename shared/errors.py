"""The one exception that users see."""


class LockstepError(Exception):
    """A problem that the user can mend.

    The message is one line: what is wrong, where, and what to do. Every command prints it as
    ``error: <message>`` and exits with code 2.
    """
