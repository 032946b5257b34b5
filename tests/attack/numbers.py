"""Numbers that are none: in weights, vectors and training; none is said, written or compared with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from tests.attack.harness import FINE, REFUSED, Case, Scene, Wrong, check_manners, check_named
from tests.attack.inputs import (
    COPY,
    LABEL,
    NEIGHBOURS,
    ONNX,
    PORTABILITY,
    PREDICT_LINES,
    PREDICTION,
    START,
    VECTORS,
    Reader,
)
from tests.attack.materials import RUN, TRAIN, reseal

NOT_FINITE = ("nan", "inf", "-inf")
HUGE = ("1e38", "-3e38", "1e-45")
ARRAYS = ("embedding", "rnn.0.forward.input_kernel", "rnn.0.forward.recurrent_kernel", "rnn.0.forward.bias",
          "head.kernel", "head.bias")  # fmt: skip


def _edit_weights(path: Path, array: str, value: str, share: float) -> None:
    import numpy as np
    from safetensors.numpy import load, save

    weights = {name: np.array(values) for name, values in load(path.read_bytes()).items()}
    flat = weights[array].reshape(-1)
    chosen = np.random.default_rng(0).choice(flat.size, max(1, int(share * flat.size)), replace=False)
    flat[chosen] = float(value)
    path.write_bytes(save(weights))


def _weights(array: str, value: str, share: float, reader: Reader, scene: Scene) -> None:
    scene.apart(_edit_weights, scene.path(RUN, "checkpoint/weights.safetensors"), array, value, share)
    reseal(scene.path(RUN))
    done = scene.run(*reader.words)
    if value in NOT_FINITE:
        check_manners(done, {REFUSED})
        check_named(done, RUN)
        return
    check_manners(done, {FINE, REFUSED} | ({1} if reader is PORTABILITY else set()))
    if done.code == FINE:
        _check_answers(reader, scene)
        if "nan" in done.out.split() or "nan%" in done.out:
            raise Wrong(f"says nan: {done} {done.out[-300:]!r}")


def _check_answers(reader: Reader, scene: Scene) -> None:
    for name in reader.answers:
        if name.endswith(".parquet") and scene.path(name).exists():
            scene.apart(_check_finite, scene.path(name))
        if name.endswith(".json") and any(word in scene.path(name).read_text() for word in ("NaN", "Infinity")):
            raise Wrong(f"{name} has a number that is none")


def _check_finite(path: Path) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    for column in table.column_names:
        if column.startswith("probability_"):
            assert np.isfinite(table[column].to_numpy()).all(), f"{path}: {column} is not finite"


def _vectors(value: str, reader: Reader, scene: Scene) -> None:
    path = scene.path("vectors.txt")
    lines = path.read_text().splitlines()
    row = scene.random.randrange(1, 6)  # words that the reviews have
    word, *numbers = lines[row].split()
    numbers[scene.random.randrange(4)] = value
    lines[row] = " ".join([word, *numbers])
    path.write_text("\n".join([*lines, ""]))
    done = scene.run(*reader.words)
    check_manners(done, {REFUSED})
    check_named(done, "vectors.txt")


def _training(flags: tuple[str, ...], scene: Scene) -> None:
    """A training that may diverge: it stops and says what to try, or its run is of numbers."""
    done = scene.run(*TRAIN, *flags, "--out", "made")
    check_manners(done, {FINE, REFUSED})
    if done.code == REFUSED:
        if scene.path("made").exists() or "diverged" not in done.err:
            raise Wrong(f"does not say that it diverged, or wrote a run: {done}")
        return
    scene.apart(_check_finite, scene.path("made/predictions.parquet"))
    if any(
        word in scene.path("made", name).read_text()
        for name in ("record.json", "history.csv")
        for word in ("NaN", "nan", "inf,")
    ):
        raise Wrong("the run has a number that is none")
    check_manners(scene.run("shared.reference", "predict", "--checkpoint", "made", "a great film"), {FINE})


def cases(random: Random) -> Iterator[Case]:
    for reader in (PREDICTION, PREDICT_LINES, COPY, ONNX, START, PORTABILITY, LABEL):
        for array in ARRAYS:
            for value in (*NOT_FINITE, *random.sample(HUGE, 1)):
                share = random.choice([0, 0.1, 1])
                said = f"{array} has {value}: {' '.join(reader.words[:2])} {reader.words[-1]}"
                yield Case(said, partial(_weights, array, value, share, reader))
    for value in (*NOT_FINITE, "NaN", "Infinity", "1e999", "1e39", "-1e39", "nan(1)", "0x1p3", "1_0", "٣"):
        for reader in (VECTORS, NEIGHBOURS):
            yield Case(f"vectors with {value}: {' '.join(reader.words[:2])}", partial(_vectors, value, reader))
    for rate in ("1e6", "1e3", "10"):
        for clipping in ("0", "1", "1e9"):
            for architecture in ("rnn", "gru", "bilstm"):
                flags = ("--learning-rate", rate, "--gradient-clipping", clipping, "--epochs", "8")
                flags = (*flags, "--architecture", architecture, "--loss-reduction", "sum")
                yield Case(f"training with {' '.join(flags)}", partial(_training, flags))
    for flags in (("--epsilon", "1e-30"), ("--beta-2", "0"), ("--beta-1", "0.999999"), ("--epsilon", "1e6")):
        yield Case(f"training with {' '.join(flags)}", partial(_training, flags))
