"""Small files that claim, or unpack to, far more than they are: memory stays in bounds."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from tests.attack.harness import FINE, REFUSED, Case, Scene, check_manners, check_named
from tests.attack.inputs import (
    ARCHIVE,
    BASELINE,
    COPY,
    DESCRIBE,
    ENSEMBLE,
    LABEL,
    NEIGHBOURS,
    PARQUET,
    PLAIN,
    PREDICT_LINES,
    PREDICTION,
    PSEUDO,
    REPORT,
    START,
    VECTORS,
    Reader,
)
from tests.attack.materials import RUN, archive_members, reseal, reseal_checkpoint

PIECE = 1 << 20
GIGABYTE = 1 << 30


def _zeros_in_gzip(before: bytes, size: int) -> bytes:
    """Gzip of some bytes and so many zeros after them, made without packing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum, zeros = zlib.crc32(before), bytes(PIECE)
    for _ in range(size // PIECE):
        checksum = zlib.crc32(zeros, checksum)
    length = (len(before) + size) & 0xFFFFFFFF
    body = head + one * (size // PIECE) + packer.flush(zlib.Z_FINISH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + struct.pack("<II", checksum, length)


def _member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    described = tarfile.TarInfo(name)
    described.size, described.type = size, kind
    return described.tobuf(tarfile.GNU_FORMAT)


def _archive_with(name: str, size: int, path: Path) -> None:
    path.write_bytes(_zeros_in_gzip(_member(name, size), size + 2 * PIECE))


def _archive_claims(path: Path) -> None:
    path.write_bytes(gzip.compress(_member("aclImdb/train/pos/0_9.txt", 1 << 50) + b"a great film"))


def _archive_long_name(path: Path) -> None:
    size = GIGABYTE // 2
    path.write_bytes(_zeros_in_gzip(_member("././@LongLink", size, tarfile.GNUTYPE_LONGNAME), size + PIECE))


def _archive_pax(path: Path) -> None:
    size = GIGABYTE // 2
    path.write_bytes(_zeros_in_gzip(_member("pax", size, tarfile.XHDTYPE), size + PIECE))


def _archive_many(path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, content in archive_members().items():
            described = tarfile.TarInfo(name)
            described.size = len(content)
            archive.addfile(described, io.BytesIO(content))
        for number in range(60_000):
            archive.addfile(tarfile.TarInfo(f"aclImdb/other/{number}"))
    path.write_bytes(packed.getvalue())


def _archive_in_archive(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.compress(_zeros_in_gzip(b"", 64 * PIECE))))


def _archive_links(path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for kind, name, target in (
            (tarfile.SYMTYPE, "aclImdb/train/pos/0_9.txt", "/etc/passwd"),
            (tarfile.LNKTYPE, "aclImdb/train/pos/1_9.txt", "aclImdb/train/pos/1_9.txt"),
            (tarfile.CHRTYPE, "aclImdb/train/neg/0_1.txt", ""),
        ):
            described = tarfile.TarInfo(name)
            described.type, described.linkname = kind, target
            archive.addfile(described)
    path.write_bytes(made.getvalue())


def _archive_climbs(path: Path) -> None:
    members = {"../../train/pos/0_9.txt": b"a great film", "/train/neg/0_1.txt": b"awful"}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in members.items():
            described = tarfile.TarInfo(name)
            described.size = len(content)
            archive.addfile(described, io.BytesIO(content))
    path.write_bytes(made.getvalue())


def _csv_field(size: int, path: Path) -> None:
    with path.open("a") as file:
        file.write(f'"{"a " * (size // 2)}",positive\n')


def _csv_id(path: Path) -> None:
    rows = list(csv.reader(path.open(newline="")))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review_id", *rows[0]])
        ids = ["x" * 1_000_000 if number == 3 else f"id-{number}" for number in range(len(rows))]
        writer.writerows([one, *row] for one, row in zip(ids, rows[1:], strict=False))


def _csv_columns(path: Path) -> None:
    with path.open("a") as file:
        file.write("," * 3_000_000 + "\n")


def _csv_open_quote(path: Path) -> None:
    with path.open("a") as file:
        file.write('"' + "a great film\n" * 3_000_000)


def _table_of_copies(path: Path) -> None:
    """A dictionary makes a long text of many rows small."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 20_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), ["a great film " * 20_000])
    table = pa.table({"text": text, "label": pa.array([0, 1] * (count // 2), pa.int8())})
    pq.write_table(table, path, compression="zstd", row_group_size=200)


def _predictions_of_one_id(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    ids = pa.array(["i" * 300_000] * 1, pa.string()).take(pa.array([0] * 3_000))
    columns = [ids, *(pa.array([0] * 3_000, pa.int8()) for _ in range(2)), pa.array([1.0] * 3_000, pa.float32())]
    columns.append(pa.array([0.0] * 3_000, pa.float32()))
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="zstd")


def _tensors(header: dict[str, object] | bytes, length: int | None, path: Path) -> None:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(said) if length is None else length) + said)


def _claims(shape: list[int], end: int, path: Path) -> None:
    _tensors({"embedding": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}, None, path)


def _array(shape: str, path: Path) -> None:
    said = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(said)) + said)


def _long_line(path: Path) -> None:
    with path.open("a") as file:
        file.write("x" * (200 * PIECE) + "\n")


def _many_lines(count: int, path: Path) -> None:
    with path.open("a") as file:
        file.write("a\n" * count)


def _huge_json(path: Path) -> None:
    path.write_text('{"a": [' + "0," * 40_000_000 + "0]}")


def _deep_json(path: Path) -> None:
    path.write_text("[" * 5_000_000)


def _huge_number(path: Path) -> None:
    values = path.read_text()
    for field in ('"seed": ', '"format_version": '):
        values = values.replace(field, field + "9" * 3_000_000)
    path.write_text(values)


def _header_of_vectors(first: str, path: Path) -> None:
    path.write_text("\n".join([first, *path.read_text().splitlines()[1:], ""]))


def _long_vectors(path: Path) -> None:
    with path.open("a") as file:
        file.write("word" + " 0" * 50_000_000 + "\n")


def _checkpoint_asks(changes: dict[str, object], scene: Scene) -> None:
    directory = scene.path(RUN, "checkpoint")
    values = json.loads((directory / "model.json").read_bytes())
    reseal_checkpoint(directory, specification={**values["specification"], **changes})
    reseal(scene.path(RUN))
    done = scene.run(*PREDICT_LINES.words)
    check_manners(done, {FINE, REFUSED})


Make = Callable[[Path], None]
DATA: tuple[tuple[str, str, Make, tuple[Reader, ...]], ...] = (
    (
        "a member of a gigabyte",
        "reviews.tar.gz",
        partial(_archive_with, "aclImdb/train/pos/0_9.txt", GIGABYTE),
        (ARCHIVE,),
    ),
    ("another member of four", "reviews.tar.gz", partial(_archive_with, "aclImdb/other", 4 * GIGABYTE), (ARCHIVE,)),
    ("a member that claims a petabyte", "reviews.tar.gz", _archive_claims, (ARCHIVE,)),
    ("a name of half a gigabyte", "reviews.tar.gz", _archive_long_name, (ARCHIVE,)),
    ("a header of half a gigabyte", "reviews.tar.gz", _archive_pax, (ARCHIVE,)),
    ("many other members", "reviews.tar.gz", _archive_many, (ARCHIVE,)),
    ("archives in an archive", "reviews.tar.gz", _archive_in_archive, (ARCHIVE,)),
    ("links", "reviews.tar.gz", _archive_links, (ARCHIVE,)),
    ("members that climb out", "reviews.tar.gz", _archive_climbs, (ARCHIVE,)),
    ("a field of 300 MB", "reviews.csv", partial(_csv_field, 300 * PIECE), (PLAIN, DESCRIBE, BASELINE, PREDICTION)),
    ("a field of 1 MB", "reviews.csv", partial(_csv_field, PIECE), (PLAIN, DESCRIBE, BASELINE, PREDICTION)),
    ("an id of 1 MB", "reviews.csv", _csv_id, (PLAIN, PREDICTION, DESCRIBE)),
    ("three million columns", "reviews.csv", _csv_columns, (PLAIN, PREDICTION)),
    ("a quote that is never closed", "reviews.csv", _csv_open_quote, (PLAIN, PREDICTION)),
    ("long texts that are copies", "reviews.parquet", _table_of_copies, (PARQUET,)),
    ("a line of 200 MB", "extra.txt", _long_line, (PLAIN,)),
    ("a million lines", "extra.txt", partial(_many_lines, 1_000_000), (PLAIN,)),
    ("one long id", "pseudo.parquet", _predictions_of_one_id, (PSEUDO,)),
    (
        "a million million words announced",
        "vectors.txt",
        partial(_header_of_vectors, "1000000000000 4"),
        (VECTORS, NEIGHBOURS),
    ),
    (
        "a million million numbers announced",
        "vectors.txt",
        partial(_header_of_vectors, "28 1000000000000"),
        (VECTORS, NEIGHBOURS),
    ),
    (
        "a number of many digits",
        "vectors.txt",
        partial(_header_of_vectors, "9" * 100_000 + " 4"),
        (VECTORS, NEIGHBOURS),
    ),
    ("a line of 200 MB", "vectors.txt", _long_line, (VECTORS, NEIGHBOURS)),
    ("a line of fifty million numbers", "vectors.txt", _long_vectors, (VECTORS, NEIGHBOURS)),
)
WEIGHTS: dict[str, Make] = {
    "a header of 2^60 bytes": partial(_tensors, b"{}", 1 << 60),
    "a header of -1 bytes": partial(_tensors, b"{}", (1 << 64) - 1),
    "a shape of 2^40": partial(_claims, [1 << 40], 1 << 42),
    "a shape beyond its data": partial(_claims, [1 << 20, 1 << 20], 16),
    "a shape that overflows": partial(_claims, [1 << 33, 1 << 33], 16),
    "an empty shape of 2^62 rows": partial(_claims, [1 << 62, 0], 0),
    "a deep header": partial(_tensors, b'{"a":' * 1_000_000, None),
    "layers without end": partial(
        _tensors, {"rnn.99999999999.forward.bias": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, None
    ),
}
JSON: dict[str, Make] = {
    "80 MB of numbers": _huge_json,
    "five million brackets": _deep_json,
    "a number of three million digits": _huge_number,
}


def _data(name: str, make: Make, reader: Reader, scene: Scene) -> None:
    scene.apart(make, scene.path(name))
    done = scene.run(*reader.words)
    check_manners(done, {FINE, REFUSED})
    if done.code == REFUSED:
        check_named(done, name)


def _part(name: str, make: Make, reader: Reader, again: bool, scene: Scene) -> None:
    scene.apart(make, scene.path(RUN, name))
    if again and name.endswith(("safetensors", "txt", "csv", "parquet")):
        reseal(scene.path(RUN))
    done = scene.run(*reader.words)
    check_manners(done, {FINE, REFUSED} if reader.whole else {REFUSED})
    check_named(done, RUN)


def _cache(file: str, make: Make, scene: Scene) -> None:
    for path in scene.cache.rglob(file):
        make(path)
    check_manners(scene.run(*PLAIN.words), {FINE})


def cases(random: Random) -> Iterator[Case]:
    for said, name, make, readers in DATA:
        for reader in readers:
            yield Case(f"{name}: {said}: {' '.join(reader.words[:2])}", partial(_data, name, make, reader))
    for said, make in WEIGHTS.items():
        for reader in (PREDICT_LINES, COPY, START):
            attempt = partial(_part, "checkpoint/weights.safetensors", make, reader, True)
            yield Case(f"weights: {said}: {' '.join(reader.words[:2])}", attempt)
    for said, make in JSON.items():
        for reader in (REPORT, ENSEMBLE, LABEL):
            yield Case(
                f"record.json: {said}: {' '.join(reader.words[:2])}", partial(_part, "record.json", make, reader, False)
            )
        for reader in (PREDICT_LINES, COPY, START):
            attempt = partial(_part, "checkpoint/model.json", make, reader, False)
            yield Case(f"model.json: {said}: {' '.join(reader.words[:2])}", attempt)
    for make, said in ((_long_line, "a line of 200 MB"), (partial(_many_lines, 20_000_000), "twenty million lines")):
        attempt = partial(_part, "checkpoint/vocabulary.txt", make, PREDICT_LINES, True)
        yield Case(f"vocabulary.txt: {said}", attempt)
        yield Case(f"history.csv: {said}", partial(_part, "history.csv", make, REPORT, True))
    yield Case("predictions: one long id", partial(_part, "predictions.parquet", _predictions_of_one_id, REPORT, True))
    for shape in ("(1099511627776,)", "(4611686018427387904,)", "(-1,)", "(1, 1)", "()"):
        for file in ("tokens.npy", "boundaries.npy"):
            yield Case(f"cache: {file} of shape {shape}", partial(_cache, file, partial(_array, shape)))
    for changes in (
        {"max_length": 10**7},
        {"max_length": 100_000},
        {"max_length": 100_000, "padding": "right"},
        {"max_length": 10_000, "padding": "left"},
        {"hidden_size": 10**9},
        {"layers": 10**9},
        {"embedding_size": 2**62},
        {"vocabulary_size": 10**18},
        {"epochs": 10**18},
        {"data": "x" * 10**6},
        {"cleaning": ",".join(["lowercase"] * 10**5)},
    ):
        said = ", ".join(f"{name} {str(value)[:20]}" for name, value in changes.items())
        yield Case(f"a checkpoint with {said}", partial(_checkpoint_asks, changes))
