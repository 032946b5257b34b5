"""Word vectors as text: a word and its numbers a line, with word2vec's first line or without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from shared.errors import LockstepError
from shared.vectors.space import WordVectors

NUMBER_CHARACTERS = b"0123456789+-.eE "
LONGEST_LINE = 1_000_000  # bytes; 300 numbers take 4,000
LONGEST_COUNT = 15  # digits of a number in word2vec's first line


def vector_lines(
    lines: Iterable[bytes], where: str, embedding_size: int | None = None
) -> Iterator[tuple[int, bytes, bytes]]:
    """Split lines into words and numbers, and check the form of every line.

    Each line must have as many numbers as the others, made of the characters of finite decimal
    numbers, and a first line ``<words> <dimensions>`` must tell the truth. Whether ``1-2`` is a number
    shows only in :func:`numbers_of`; parsing millions of lines that nobody needs would take minutes.

    Parameters
    ----------
    lines : iterable of bytes
        A binary file or stream.
    where : str
        What to call it in messages.
    embedding_size : int, optional
        Numbers of a line. Default: as many as the first line has or announces.

    Yields
    ------
    (int, bytes, bytes)
        Number of the line from 1, word, numbers.

    Raises
    ------
    LockstepError
        With the number of the line.
    """
    expected = f"--embedding-size {embedding_size}" if embedding_size else ""
    announced, number = None, 0
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise LockstepError(f"{where}: line {number}: has over {LONGEST_LINE:,} bytes: no word vectors")
        word, _, numbers = line.rstrip(b"\r\n ").partition(b" ")
        header = number == 1 and word.isdigit() and numbers.isdigit() and len(line) <= 2 * LONGEST_COUNT
        odd = numbers.translate(None, NUMBER_CHARACTERS)
        # Counting single spaces is several times as fast as splitting; other white space, or too much of it, is rare.
        single = numbers and not odd and not numbers.startswith(b" ") and b"  " not in numbers
        size = int(numbers) if header else numbers.count(b" ") + 1 if single else len(numbers.split())
        embedding_size = embedding_size or size
        if size != embedding_size or size == 0:
            raise LockstepError(
                f"{where}: line {number}: {size} numbers{' announced' if header else ''}, "
                f"expected {expected or max(1, embedding_size)}"
            )
        if header:
            announced = int(word)
            continue
        if odd:
            numbers_of(numbers, where, number)
        yield number, word, numbers
    if announced is not None and announced != number - 1:
        raise LockstepError(f"{where}: line 1: {announced} words announced, the file has {number - 1}")


def numbers_of(text: bytes, where: str, number: int) -> np.ndarray:
    """Parse the numbers of a line, ``<float32>[embedding_size]``.

    Raises
    ------
    LockstepError
        If one is not a finite number that float32 can hold.
    """
    try:
        with np.errstate(over="ignore"):  # an overflow is infinite, and refused below
            vector = np.array([float(part) for part in text.replace(b"_", b"?").split()]).astype(np.float32)
    except ValueError as error:
        raise LockstepError(f"{where}: line {number}: not a number ({error!s:.80})") from error
    if not np.isfinite(vector).all():
        raise LockstepError(f"{where}: line {number}: a number is not finite")
    return vector


def refuse_second(word: bytes, where: str, number: int) -> None:
    """Refuse a word that has a vector already."""
    raise LockstepError(f"{where}: line {number}: the word {word.decode('utf-8', 'replace')!r:.80} stands twice")


def save_vectors(path: Path, table: WordVectors) -> None:
    """Make a new file of vectors in word2vec's text format; reading gives the same float32.

    Raises
    ------
    LockstepError
        If a word is empty or has white space in it, which the format cannot say.
    """
    for word in table.words:
        if not word or word.split() != [word]:
            raise LockstepError(f"{path.name}: the word {word!r} is empty or has white space in it")
    with path.open("x", encoding="utf-8") as file:
        file.write(f"{len(table)} {table.vectors.shape[1]}\n")
        for word, vector in zip(table.words, table.vectors.astype(np.float32), strict=True):
            file.write(f"{word} {' '.join(map(str, vector))}\n")
