"""Lines of a text file: decoded as they are read, and refused where they are no text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain

from shared.data.packing import HEAD, PIECE, Content
from shared.errors import LockstepError

# The longest review of IMDB has 14,000 characters.
LONGEST_REVIEW = 10_000_000  # bytes of a file, characters of a table's field
LONGEST_ID = 200  # characters
LONGEST_LINE = 2 * LONGEST_REVIEW  # characters; the exact bound is held where the text is known
SHOWN = 40  # characters of a wrong value in a message


class Lines:
    """The lines of a file, each with its end; only a line feed ends one, for texts hold all the other signs that might.

    Parameters
    ----------
    content : Content
        The file. A mark of the byte order at its beginning is dropped.
    encoding : str
        As Python calls it.
    skip : int, optional
        Lines at the beginning that are not given.

    Attributes
    ----------
    number : int
        Of the line that was given last, from 1.

    Raises
    ------
    LockstepError
        If there is no such encoding; while the lines are read, if they are not in it, hold a NUL, or are too long.
    """

    def __init__(self, content: Content, encoding: str, skip: int = 0) -> None:
        self.content, self.encoding, self.number, self.skip = content, encoding, 0, skip
        self._codec = codec_of(encoding)

    def __iter__(self) -> Iterator[str]:
        # Files of the Macs of long ago end their lines by carriage returns.
        head = self.content.head()
        end = "\r" if self.encoding == "utf-8" and b"\r" in head and b"\n" not in head else "\n"
        rest = ""
        for text in self.pieces():
            *whole, rest = (rest + text).split(end)
            for line in whole:
                self.number += 1
                if self.number > self.skip:
                    yield f"{line}\n"
            if len(rest) > LONGEST_LINE:
                raise self._too_long(len(rest))
        if rest:
            self.number += 1
            if self.number > self.skip:
                yield rest

    def _too_long(self, length: int) -> LockstepError:
        return LockstepError(
            f"{self.content.described}: line {self.number + 1} has over {length:,} characters, "
            f"at most {LONGEST_REVIEW:,} of a text are read"
        )

    def pieces(self) -> Iterator[str]:
        """Yield the text of the file, some of it at a time."""
        decoder = self._codec.incrementaldecoder("strict")
        place = ends = 0  # bytes and line ends before the present piece
        with self.content.open() as file:
            for piece in chain(iter(lambda: file.read(PIECE), b""), (b"",)):
                pending = decoder.getstate()[0]
                try:
                    text = decoder.decode(piece, final=not piece)
                except UnicodeError as error:
                    good = _decoded(self._codec, (pending + piece)[: getattr(error, "start", 0)])
                    raise self._not_decoded(ends + good.count("\n") + 1, place - len(pending), error) from error
                if not place:
                    text = text.removeprefix("\ufeff")
                if "\0" in text:
                    raise self._nul(ends + text.partition("\0")[0].count("\n") + 1)
                place += len(piece)
                ends += text.count("\n")
                yield text

    def _not_decoded(self, line: int, before: int, error: UnicodeError) -> LockstepError:
        where = f" (byte {before + error.start:,})" if isinstance(error, UnicodeDecodeError) else ""
        name = "UTF-8" if self.encoding == "utf-8" else self.encoding
        return LockstepError(
            f"{self.content.described}: line {line} is not {name}{where}; "
            + other_encoding(self.content.head(), self.encoding)
        )

    def _nul(self, line: int) -> LockstepError:
        advice = "remove it"
        if _is_wide(self.content.head()):
            advice = "if it is UTF-16, pass --encoding utf-16"
        return LockstepError(f"{self.content.described}: line {line} holds a NUL, which no text does; {advice}")


def codec_of(encoding: str) -> codecs.CodecInfo:
    """Return an encoding of text by its name, or raise a LockstepError that names some."""
    try:
        found = codecs.lookup(encoding)
        b"a".decode(encoding, "replace")  # refuses what is no encoding of text, such as base64
    except (LookupError, ValueError) as error:
        raise LockstepError(
            f"--encoding {encoding!r:.{SHOWN}}: no such encoding; utf-8, utf-16, cp1252 and latin-1 are some"
        ) from error
    if found.incrementaldecoder is None:
        raise LockstepError(f"--encoding {encoding!r:.{SHOWN}}: cannot be read piece by piece; save the file as UTF-8")
    return found


def _decoded(codec: codecs.CodecInfo, good: bytes) -> str:
    return codec.incrementaldecoder("replace").decode(good)


def other_encoding(head: bytes, encoding: str) -> str:
    """Return what to do about a file that is not in an encoding, by its first bytes."""
    if _is_wide(head):
        return "say its encoding, such as --encoding utf-16"
    if encoding != "utf-8" and _is_utf8(head):
        return "it looks like UTF-8: leave --encoding out"
    other = "latin-1" if encoding.lower() in ("cp1252", "windows-1252") else "cp1252 or latin-1"
    return f"say its encoding, such as --encoding {other}"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeError:
        return False
    return True


def _is_wide(head: bytes) -> bool:
    """Whether text looks as if every sign took two bytes."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[:HEAD].count(0) > len(head) // 4


def without_end(line: str) -> str:
    """Return a line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def first_line(head: bytes, encoding: str) -> str:
    """Return the first line of a file that is not blank, as far as its first bytes hold it."""
    lines = beginning(head, encoding).split("\n")
    return next((line for line in lines if line.strip()), "").removesuffix("\r")


def beginning(head: bytes, encoding: str) -> str:
    """Return the text that the first bytes of a file are, as far as they are in its encoding."""
    try:
        return codec_of(encoding).incrementaldecoder("replace").decode(head).removeprefix("\ufeff")
    except UnicodeError:  # UTF-16 without a mark of its byte order; said with its line when the file is read
        return ""
