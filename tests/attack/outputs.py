"""Every command and every path that it writes to, times what may stand there, with and without --overwrite."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from compare.report.page import REPORT_FILES
from tests.attack.commands import MODULES, SAME_AS_THE_REFERENCE, runnable_modules, writing_flags
from tests.attack.harness import (
    FINE,
    REFUSED,
    Case,
    Scene,
    Wrong,
    check_kept,
    check_manners,
    check_no_leftovers,
    copy,
    snapshot,
)
from tests.attack.materials import BASELINE_RUN, PREDICT, RUN, SITE, TEXT, TRAIN, TRAINING

FILE, DIRECTORY, FOLDER = "file", "directory", "folder"


@dataclass(frozen=True)
class Writer:
    """A flag that names a place to write to.

    Attributes
    ----------
    module, command, flag : str
        Which.
    arguments : tuple of str
        The others that the command needs; OUT is the place.
    makes : str
        A file, a directory of ours that takes the place, or files in a folder.
    suffix : str
        Of the place.
    own : str
        Of a directory: materials of the kind that it makes. Of a folder: the name of a file that it makes.
    quick : bool
        Whether it is run to its end; else only what must be refused before the work begins is tried.
    """

    module: str
    command: str
    flag: str
    arguments: tuple[str, ...]
    makes: str = FILE
    suffix: str = ""
    own: str = ""
    quick: bool = True

    @property
    def name(self) -> str:
        return f"{self.module} {self.command} {self.flag}"

    def words(self, place: str, *more: str) -> list[str]:
        command = [self.command] if self.command else []
        return [self.module, *command, *(place if word == "OUT" else word for word in self.arguments), *more]


GRID = ("--frameworks", "reference", "--architectures", "gru", "--no-baselines", *TRAINING)
STUDY = ("--framework", "reference", "--rungs", "truncation-head", "--seeds", "0", *TRAINING)
WITNESSES = ("--frameworks", "pytorch", "--seeds", "0", *TEXT, "--epochs", "1")
EXPLAINED = ("keras", "pytorch", "--seeds", "0", *TRAINING)
WRITERS = (
    Writer("shared.reference", "train", "--out", (*TRAIN[2:], "--out", "OUT"), DIRECTORY, own=RUN),
    Writer(
        "shared.reference",
        "predict",
        "--output",
        (*PREDICT[2:], "--input", "reviews.csv", "--output", "OUT"),
        suffix=".parquet",
    ),
    Writer("shared.data", "describe", "--out", (*TEXT, "--vectors", "random", "--out", "OUT"), suffix=".svg"),
    Writer(
        "shared.vectors",
        "train",
        "--out",
        ("--data", "reviews.csv", "--embedding-size", "4", "--epochs", "1", "--out", "OUT"),
        suffix=".txt",
    ),
    Writer(
        "shared.vectors", "plot", "--out", ("--vectors", "vectors.txt", "--count", "6", "--out", "OUT"), suffix=".svg"
    ),
    Writer("shared.vectors", "debias", "--out", ("--words", "20000", "--out", "OUT"), suffix=".txt", quick=False),
    Writer(
        "shared.vectors", "debias", "--record", ("--words", "20000", "--record", "OUT"), suffix=".json", quick=False
    ),
    Writer("pytorch_impl.pretraining", "", "--out", (*TRAINING, "--out", "OUT"), DIRECTORY, own="model", quick=False),
    Writer("compare", "baseline", "--out", ("majority", *TRAINING, "--out", "OUT"), DIRECTORY, own=BASELINE_RUN),
    Writer("compare", "predict", "--output", (RUN, "--input", "reviews.csv", "--output", "OUT"), suffix=".parquet"),
    Writer("compare", "convert", "output", (RUN, "OUT"), DIRECTORY, own="model"),
    Writer("compare", "label", "--out", ("experiment", "--out", "OUT"), suffix=".parquet"),
    Writer("compare", "ensemble", "--out", ("experiment", "--out", "OUT"), suffix=".json"),
    Writer("compare", "parity", "--out", ("--out", "OUT"), suffix=".json", quick=False),
    Writer("compare", "witnesses", "--out", (*WITNESSES, "--out", "OUT"), suffix=".json", quick=False),
    Writer("compare", "witnesses", "--runs", (*WITNESSES, "--runs", "OUT"), FOLDER, quick=False),
    Writer("compare", "benchmark", "--out", ("--out", "OUT"), suffix=".json", quick=False),
    Writer(
        "compare",
        "fates",
        "--out",
        ("--frameworks", "reference", "--out", "OUT"),
        FOLDER,
        own="fates.json",
        quick=False,
    ),
    Writer("compare", "report", "--out", ("experiment", "--out", "OUT"), FOLDER, own="index.html"),
    Writer("compare", "run", "--runs", (*GRID, "--runs", "OUT"), FOLDER, own="quick", quick=False),
    Writer("compare", "ladder", "--out", (*STUDY, "--out", "OUT"), FOLDER, own="ladder.json", quick=False),
    Writer("compare", "explain", "--out", (*EXPLAINED, "--out", "OUT"), FOLDER, own="explain.json", quick=False),
    Writer("compare", "explain", "--runs", (*EXPLAINED, "--runs", "OUT"), FOLDER, quick=False),
    Writer("compare", "ablation", "--out", (*STUDY, "--out", "OUT"), FOLDER, own="ablation.json", quick=False),
    Writer("compare", "docs", "--files", ("results", "--files", "OUT"), "filled", ".md", quick=False),
    Writer("compare", "results", "--out", ("experiment", "--out", "OUT"), suffix=".txt"),
    Writer(
        "compare",
        "track",
        "--out",
        ("experiment", "--to", "tensorboard", "--out", "OUT"),
        FOLDER,
        own="experiment",
        quick=False,
    ),
    Writer("lessons", "", "--out", ("--out", "OUT"), DIRECTORY, own=SITE, quick=False),
    Writer("lessons.silent_errors", "", "--out", ("--out", "OUT"), suffix=".json", quick=False),
    Writer("lessons.word_vectors", "", "--results", ("--results", "OUT"), FOLDER, own="word_vectors.json", quick=False),
    Writer(
        "lessons.training_time", "", "--results", ("--results", "OUT"), FOLDER, own="training_time.json", quick=False
    ),
)


def _every_command_is_listed(scene: Scene) -> None:
    unlisted = runnable_modules() - {*MODULES, *SAME_AS_THE_REFERENCE}
    if unlisted:
        raise Wrong(f"commands that the attack does not know: {', '.join(sorted(unlisted))}")
    listed = {(writer.module, writer.command, writer.flag) for writer in WRITERS}
    if listed != writing_flags():
        raise Wrong(f"paths that the attack does not know, or that are gone: {sorted(listed ^ writing_flags())}")


# What stands at the place: arranges it, and returns the path to give.
Arrange = Callable[[Scene, Writer, str], str]


def _missing(scene: Scene, writer: Writer, place: str) -> str:
    return place


def _missing_parent(scene: Scene, writer: Writer, place: str) -> str:
    return f"new/and/deep/{place}"


def _empty_directory(scene: Scene, writer: Writer, place: str) -> str:
    scene.path(place).mkdir()
    return place


def _foreign_directory(scene: Scene, writer: Writer, place: str) -> str:
    copy(scene.path("precious"), scene.path(place))
    return place


def _foreign_record(scene: Scene, writer: Writer, place: str) -> str:
    scene.path(place).mkdir()
    for name in ("record.json", "model.json", "index.html", writer.own.rpartition("/")[2] or "some.json"):
        scene.path(place, name).write_text('{"record_of": "my vinyl"}\n')
    return place


def _own_and_foreign(scene: Scene, writer: Writer, place: str) -> str:
    if writer.makes == DIRECTORY:
        copy(scene.path(writer.own), scene.path(place))
        where = (
            scene.random.choice([place, f"{place}/checkpoint"]) if scene.path(place, "checkpoint").is_dir() else place
        )
        scene.path(where, "notes.txt").write_text("what I thought of it\n")
    else:
        copy(scene.path("precious"), scene.path(place))
    return place


def _own_with_a_link(scene: Scene, writer: Writer, place: str) -> str:
    if writer.makes == DIRECTORY:
        copy(scene.path(writer.own), scene.path(place))
        proof = next(path for path in sorted(scene.path(place).rglob("*")) if path.is_file())
        proof.unlink()
        proof.symlink_to(scene.path("precious", "thesis.txt"))
    else:
        copy(scene.path("precious"), scene.path(place))
    return place


def _own(scene: Scene, writer: Writer, place: str) -> str:
    if writer.makes == DIRECTORY:
        copy(scene.path(writer.own), scene.path(place))
    elif writer.makes == FOLDER:
        scene.path(place).mkdir()
        scene.path(place, writer.own).write_text("mine\n")
    else:
        scene.path(place).write_text("mine\n")
    return place


def _file(scene: Scene, writer: Writer, place: str) -> str:
    scene.path(place).write_text("mine\n")
    return place


def _link(target: str, scene: Scene, writer: Writer, place: str) -> str:
    scene.path(place).symlink_to(scene.path(target) if target else scene.path("nowhere"))
    return place


def _fifo(scene: Scene, writer: Writer, place: str) -> str:
    os.mkfifo(scene.path(place))
    return place


def _device(scene: Scene, writer: Writer, place: str) -> str:
    try:
        os.mknod(scene.path(place), stat.S_IFCHR | 0o666, os.makedev(1, 3))  # as /dev/null is
    except PermissionError:
        os.mkfifo(scene.path(place))
    return place


def _socket(scene: Scene, writer: Writer, place: str) -> str:
    here = os.getcwd()
    os.chdir(scene.folder)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place)
    finally:
        os.chdir(here)
    return place


def _under_a_file(scene: Scene, writer: Writer, place: str) -> str:
    return f"precious/thesis.txt/{place}"


def _in_proc(scene: Scene, writer: Writer, place: str) -> str:
    return f"/proc/nowhere/{place}"


def _long_name(scene: Scene, writer: Writer, place: str) -> str:
    return "n" * 300 + place


def _named(name: str, scene: Scene, writer: Writer, place: str) -> str:
    return name


STANDING: dict[str, Arrange] = {
    "nothing": _missing,
    "nothing, nor its parents": _missing_parent,
    "an empty directory": _empty_directory,
    "a foreign directory": _foreign_directory,
    "a directory with a foreign record": _foreign_record,
    "one of ours and a foreign file": _own_and_foreign,
    "one of ours with a link in it": _own_with_a_link,
    "one of ours": _own,
    "a file": _file,
    "a link to a file": partial(_link, "precious/thesis.txt"),
    "a link to a directory": partial(_link, "precious"),
    "a dangling link": partial(_link, ""),
    "a pipe": _fifo,
    "a device": _device,
    "a socket": _socket,
    "a file as its parent": _under_a_file,
    "no such folder in /proc": _in_proc,
    "a name that is too long": _long_name,
    "standard output": partial(_named, "-"),
    "the folder itself": partial(_named, "."),
    "the folder above": partial(_named, ".."),
    "the root": partial(_named, "/"),
    "an input": partial(_named, "reviews.csv"),
    "a directory of inputs": partial(_named, "experiment"),
    "a file in an input": partial(_named, f"{RUN}/record.json"),
}


def _expected(writer: Writer, standing: str, overwrite: bool) -> set[int]:
    """Say how it must end."""
    fresh = {"nothing", "nothing, nor its parents"}
    if writer.makes == FOLDER:
        if standing in {*fresh, "an empty directory", "a foreign directory", "one of ours and a foreign file"}:
            return {FINE}
        if standing in {"the folder itself", "one of ours with a link in it", "standard output"}:
            return {FINE, REFUSED}
        if standing in {"one of ours", "a directory with a foreign record"}:
            return {FINE} if overwrite else {REFUSED}
        return {FINE, REFUSED} if standing in {"a link to a directory", "a directory of inputs"} else {REFUSED}
    if standing in fresh or (standing == "one of ours" and overwrite):
        return {FINE}
    if writer.makes == DIRECTORY:
        return {FINE} if standing == "an empty directory" else {REFUSED}
    if standing == "standard output":
        return {REFUSED} if writer.suffix == ".svg" else {FINE}  # of a picture it does not say the format
    return {FINE} if standing == "a file" and overwrite else {REFUSED}


def _attempt(writer: Writer, standing: str, overwrite: bool, scene: Scene) -> None:
    place = STANDING[standing](scene, writer, f"place{writer.suffix}")
    expected = _expected(writer, standing, overwrite)
    before = snapshot(scene.folder)
    done = scene.run(*writer.words(place, *(["--overwrite"] if overwrite else [])))
    if place == "-":
        done.out = ""  # a file of whatever format
    check_manners(done, expected)
    after = snapshot(scene.folder)
    if done.code:
        check_kept(before, after)
    elif writer.makes == FOLDER:
        folder = "precious" if standing == "a link to a directory" else place
        pages = [os.path.normpath(f"{folder}/{name}") for name in REPORT_FILES]
        check_kept(before, after, pages if overwrite else [], pages)
    else:
        check_kept(before, after, [] if place == "-" else [place])
    check_no_leftovers(scene.folder)
    if done.code == FINE and place != "-" and not scene.path(place).exists():
        raise Wrong(f"{place} was not written: {done}")


def _kept_if_foreign(writer: Writer, standing: str, scene: Scene) -> None:
    """What takes long is asked only where something stands that must make it refuse."""
    place = STANDING[standing](scene, writer, f"place{writer.suffix}")
    before = snapshot(scene.folder)
    done = scene.run(*writer.words(place))
    check_manners(done, {REFUSED})
    check_kept(before, snapshot(scene.folder))


REFUSED_BY_ALL = (
    "a pipe",
    "a device",
    "a socket",
    "a file as its parent",
    "no such folder in /proc",
    "a dangling link",
    "a link to a file",
    "a name that is too long",
)
REFUSED_BY_PLACES = (
    "a foreign directory",
    "a directory with a foreign record",
    "one of ours and a foreign file",
    "one of ours",
    "a link to a directory",
    "the folder above",
    "an input",
)
FOLDER_ONLY = {"lessons.word_vectors", "lessons.training_time"}


def _two_flags_one_place(arguments: tuple[str, ...], scene: Scene) -> None:
    before = snapshot(scene.folder)
    check_manners(scene.run(*arguments), {REFUSED})
    check_kept(before, snapshot(scene.folder))


def cases(random: Random) -> Iterator[Case]:
    yield Case("every command and every path that is written is listed here", _every_command_is_listed)
    for writer in WRITERS:
        if writer.quick:
            for standing in STANDING:
                if writer.makes == FOLDER and standing in {"the folder above", "the root"}:
                    continue  # allowed, and outside the folder of the case
                for overwrite in (False, True):
                    flag = " --overwrite" if overwrite else ""
                    yield Case(f"{writer.name}{flag}: {standing}", partial(_attempt, writer, standing, overwrite))
        else:
            places = () if writer.makes in (FOLDER, "filled") else REFUSED_BY_PLACES
            more = ("one of ours",) if writer.module in FOLDER_ONLY else ()
            for standing in (*REFUSED_BY_ALL, *places, *more):
                yield Case(f"{writer.name}: {standing}", partial(_kept_if_foreign, writer, standing))
    both = ("shared.vectors", "debias", "--words", "20000", "--out", "both.json", "--record")
    for second in ("both.json", "./both.json", "precious/../both.json"):
        yield Case(f"debias --out both.json --record {second}", partial(_two_flags_one_place, (*both, second)))
