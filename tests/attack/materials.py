"""What the cases attack: a small experiment, its data in every form, checkpoints, predictions; made once."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path
from random import Random
from typing import Any

from shared.files import manifest, save_page, seal
from tests.attack.harness import Scene, copy

GOOD, BAD = ["great", "lovely", "wonderful", "fine", "superb"], ["awful", "boring", "terrible", "bad", "dull"]
WORDS = ["the", "film", "actor", "story", "music", "plot", "scene", "ending", "was", "is", "a", "very"]
SIZES = [
    "--vectors",
    "random",
    "--embedding-size",
    "4",
    "--hidden-size",
    "3",
    "--max-length",
    "8",
    "--minimum-count",
    "1",
    "--batch-size",
    "16",
]
TEXT = ("--data", "reviews.csv", "--unlabelled", "extra.txt")
TRAINING = (*TEXT, *SIZES, "--epochs", "1")
TRAIN = ("shared.reference", "train", *TRAINING, "--architecture", "gru", "--progress", "none", "--threads", "1")
PREDICT = ("shared.reference", "predict", "--checkpoint", "experiment/reference/gru/seed-0", "--threads", "1")
RUN = "experiment/reference/gru/seed-0"
OTHER_RUN = "experiment/reference/gru/seed-1"
BASELINE_RUN = "experiment/baseline/tf-idf/seed-0"
SITE = "site"  # of lessons
RUN_FILES = (
    *("record.json", "history.csv", "predictions.parquet", "validation.parquet"),
    *("checkpoint/model.json", "checkpoint/weights.safetensors", "checkpoint/vocabulary.txt"),
)


def review(random: Random, label: int, number: int) -> str:
    """A review of some words that shows its label; no two are the same."""
    words = [
        random.choice((BAD, GOOD)[label] if random.random() < 0.3 else WORDS) for _ in range(random.randrange(5, 14))
    ]
    return " ".join([*words, f"take {number}"])


def reviews(count: int) -> list[tuple[str, str]]:
    """Text and label of so many reviews, always the same."""
    random = Random(0)
    return [(review(random, row % 2, row), ("negative", "positive")[row % 2]) for row in range(count)]


def make(scene: Scene) -> None:
    """Make all materials in a scene's folder, by the commands themselves."""
    folder = scene.folder
    with (folder / "reviews.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(reviews(60))
    (folder / "extra.txt").write_text("".join(f"{text} extra\n" for text, _ in reviews(20)))
    random = Random(1)
    lines = [f"{word} {' '.join(f'{random.gauss(0, 1):.4f}' for _ in range(4))}" for word in (*GOOD, *BAD, *WORDS)]
    (folder / "vectors.txt").write_text("\n".join([f"{len(lines)} 4", *lines, ""]))
    write_archive(folder / "reviews.tar.gz", archive_members())
    scene.apart(_write_table, folder)
    (folder / "precious").mkdir()
    (folder / "precious" / "thesis.txt").write_text("years of work\n")
    (folder / "results").mkdir()
    (folder / "results" / "mine.json").write_text("{}\n")

    _must(scene, *TRAIN, "--seed", "0", "--out", RUN)
    _must(scene, *TRAIN, "--seed", "1", "--out", OTHER_RUN)
    for framework in ("keras", "pytorch"):
        copy(folder / RUN, folder / RUN.replace("reference", framework))
        reseal(folder / RUN.replace("reference", framework), framework=framework)
    _must(scene, "compare", "baseline", "tf-idf", *TRAINING, "--out", BASELINE_RUN)
    _must(scene, "compare", "convert", RUN, "model")
    (folder / SITE).mkdir()
    (folder / SITE / "index.html").write_text("<p>a lesson</p>\n")
    (folder / SITE / "site.json").write_text('{"site_version": 1, "files": ["index.html"]}\n')
    _must(scene, "compare", "label", "experiment", "--out", "pseudo.parquet")
    _must(scene, *PREDICT, "--input", "reviews.csv", "--output", "predicted.parquet")
    done = scene.run("compare", "portability", "experiment")
    if done.code:  # the cases that need it will say so
        measured = {"names": ["reference"], "reviews": 12, "tolerance": 1e-5, "matrices": {"gru": [[0.0]]}}
        save_page(folder / "experiment" / "portability.json", measured)


def reseal(run: Path, **changes: object) -> None:
    """Change a run's record, and give it the checksums of its files and its own, as if it had been written so."""
    path = run / "record.json"
    values = {**json.loads(path.read_bytes()), **changes}
    path.unlink()
    described = run / "checkpoint" / "model.json"
    if described.exists():
        reseal_checkpoint(run / "checkpoint")
    values["files"] = manifest(run)
    path.write_text(json.dumps(seal_anyway(values), indent=2))


def reseal_checkpoint(directory: Path, **changes: object) -> None:
    """The same with a checkpoint."""
    path = directory / "model.json"
    values = {**json.loads(path.read_bytes()), **changes}
    path.unlink()
    values["files"] = manifest(directory)
    path.write_text(json.dumps(seal_anyway(values)))


def seal_anyway(values: dict[str, Any]) -> dict[str, Any]:
    """As the product seals; what it refuses to, it gets with the seal of nothing."""
    try:
        return seal(values)
    except ValueError:
        return {**values, "checksum": "0" * 64}


def _must(scene: Scene, *arguments: str) -> None:
    done = scene.run(*arguments)
    if done.code:
        raise SystemExit(f"the materials cannot be made: {done}")


def archive_members() -> dict[str, bytes]:
    """Files of the aclImdb layout, by their names."""
    members = {}
    for number, (text, label) in enumerate(reviews(80)):
        part = "train" if number < 60 else "test"
        members[f"aclImdb/{part}/{label[:3]}/{number}_{9 if label == 'positive' else 2}.txt"] = text.encode()
    for number, (text, _) in enumerate(reviews(6)):
        members[f"aclImdb/train/unsup/{number}_0.txt"] = f"{text} extra".encode()
    return members


def write_archive(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> None:
    """Write a tarball of these members."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            described = tarfile.TarInfo(name)
            described.size = len(content)
            archive.addfile(described, io.BytesIO(content))


def _write_table(folder: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(reviews(60), columns=["text", "label"])
    frame.insert(0, "review_id", [f"id-{row:03d}" for row in range(len(frame))])
    frame.to_parquet(folder / "reviews.parquet")
