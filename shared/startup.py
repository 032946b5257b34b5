"""What a command does first, before it imports anything that takes time or may be missing.

Every ``__main__`` calls :func:`begin` before its other imports, so this imports the standard library only, and is
written so that an older Python than ours can read it.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TextIO

OLDEST = (3, 11)  # of the Pythons that pyproject.toml allows
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Which extra of pyproject.toml brings a package that is no framework and that the base does without.
EXTRAS = {
    **dict.fromkeys(("altair", "jinja2", "matplotlib", "statsmodels", "vl_convert"), "report"),
    **dict.fromkeys(("mlflow", "tensorboard"), "track"),
    "transformers": "flair",
    "onnx": "onnx",
    "ray": "ray",
    "gensim": "vectors",
}
EXIT_NO_ENVIRONMENT = 2  # as of any other thing that a user can mend
EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted: nothing half-written was left"
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


# The streams that were closed when the process began, by their numbers.
CLOSED: set[int] = set()

# How many blocks must not be disturbed now, and whether a signal came meanwhile.
_undisturbed = 0
_came = False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a block end before a signal interrupts the command; for moments only."""
    global _undisturbed, _came
    _undisturbed += 1
    try:
        yield
    finally:
        _undisturbed -= 1
        if _came and not _undisturbed:
            _came = False
            raise KeyboardInterrupt


def interrupt() -> None:
    """Raise KeyboardInterrupt: now, or when the block that must not be disturbed has ended."""
    global _came
    if not _undisturbed:
        raise KeyboardInterrupt
    _came = True


def begin() -> None:
    """Make the three streams safe; let a signal, an old Python or a missing package end the process with one line.

    A stream that was closed is opened on nothing: the next file to be opened would get its number, and
    receive what libraries print. A character that a terminal cannot show is written as its escape.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        CLOSED.add(descriptor)  # it takes the place of one that is closed
    os.close(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 (open as long as the process)
    sys.stdout = _safe(sys.stdout)
    sys.stderr = _safe(sys.stderr)
    check_environment()
    for number in SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # nohup's stays ignored
            signal.signal(number, _leave)


def check_environment() -> None:
    """End with one line if this Python is too old, or if an import finds later that a package is missing.

    For commands only: it replaces `sys.excepthook`.

    Raises
    ------
    SystemExit
        With `EXIT_NO_ENVIRONMENT`, if this Python is older than `OLDEST`.
    """
    if sys.version_info < OLDEST:
        _refuse("this is Python {}.{}, and {}.{} or newer is needed".format(*sys.version_info[:2], *OLDEST))
    sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say which package is missing; of every other error show what Python shows."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    ours = os.path.isdir(os.path.join(ROOT, package))  # also where there is no package: ROOT itself
    if ours or package in sys.stdlib_module_names:
        sys.__excepthook__(kind, error, trace)
    else:
        _refuse(f"this Python has no package {package!r}", _extra_of(package))


def _extra_of(package: str) -> str:
    from shared.frameworks import REGISTRY  # only here: this Python is new enough for it

    return next((one.name for one in REGISTRY if package in one.imports), EXTRAS.get(package, "all"))


def _refuse(reason: str, extra: str = "all") -> None:
    if sys.stderr:
        print(f"error: {reason}; {_advice(extra)}", file=sys.stderr)
    raise SystemExit(EXIT_NO_ENVIRONMENT)


def _advice(extra: str) -> str:
    """Return what to do: the environment that make builds, if it is not this one, or pip."""
    if not os.path.exists(os.path.join(ROOT, "pyproject.toml")) and not os.path.exists(os.path.join(ROOT, "Makefile")):
        return f"install it: `python -m pip install 'lockstep[{extra}]'`"
    environment = os.path.join(ROOT, ".venv")
    typed = ".venv" if os.path.samefile(os.curdir, ROOT) else shlex.quote(environment)
    another = os.path.realpath(sys.prefix) != os.path.realpath(environment)
    if another and os.path.exists(os.path.join(environment, "ready")):
        return f"run `source {typed}/bin/activate` first"
    if another and not os.path.exists(environment) and os.path.exists(os.path.join(ROOT, "Makefile")):
        return f"run `make .venv/ready`, then `source {typed}/bin/activate`"
    return "install Lockstep's requirements, in its folder: `python -m pip install --editable '.[all]'`"


def _safe(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun yet, or all is done."""
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(EXIT_INTERRUPTED)
