"""What stands where a command writes is never lost: every command, every flag that names a place, whatever is there.

The flags are found by walking the parsers, so a new command or a new flag is tested as soon as it exists.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import compare.__main__
import shared.data.__main__
import shared.train_and_predict
import shared.vectors.__main__
from shared.command_line import FilledPath, FolderPath, InputPath, OutputPath
from shared.contract import Implementation
from shared.errors import BusyError, LockstepError
from shared.files import cached
from shared.output import MARK, PAGE, PROOFS, WORK, Kind, Output, clear_leftovers, is_claimed, written
from shared.runs import RUN
from shared.weights import CHECKPOINT
from tests.conftest import ROOT

PRODUCT = ("shared", "compare", "keras_impl", "pytorch_impl", "flair_impl", "fastai_impl", "torch_layers", "lessons")


def no_framework() -> Implementation:
    raise AssertionError("a place that cannot be written to must be found before a framework is imported")


# How each program is started in this process. PyTorch's pre-training alone needs its framework to be imported.
PROGRAMS: dict[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[list[str]], int]]] = {
    "keras_impl": (
        lambda: shared.train_and_predict.parser_of_framework("keras"),
        lambda given: shared.train_and_predict.main("keras", no_framework, given),
    ),
    "compare": (compare.__main__._parser, compare.__main__.main),
    "shared.data": (shared.data.__main__._parser, shared.data.__main__.main),
    "shared.vectors": (shared.vectors.__main__._parser, shared.vectors.__main__.main),
}
# What a command needs beside its places.
NEEDED = {
    "keras_impl train": ["--preset", "smoke"],
    "keras_impl predict": ["--checkpoint", "nowhere", "a review"],
    "compare predict": ["nowhere", "a review"],
    "compare benchmark": [],
    "compare parity": [],
    "compare witnesses": [],
    "compare results": ["nowhere"],
    "compare ensemble": ["nowhere"],
    "compare label": ["nowhere"],
    "compare convert": ["nowhere"],
    "compare baseline": ["majority", "--preset", "smoke"],
    "shared.data describe": ["--preset", "smoke"],
    "shared.vectors train": ["--preset", "smoke"],
    "shared.vectors plot": ["good"],
    "shared.vectors debias": [],
}
# Of these the name's ending is looked at too.
SUFFIX = {
    "keras_impl predict": ".csv",
    "compare predict": ".csv",
    "shared.data describe": ".png",
    "shared.vectors plot": ".png",
    "compare convert output": ".onnx",
}


@dataclass(frozen=True)
class Flag:
    """A flag that names a place to write to."""

    command: str
    action: argparse.Action

    def __str__(self) -> str:
        return f"{self.command} {self.action.dest}"

    def run(self, place: Path, overwrite: bool) -> int:
        """Run the command with the place, and without anything that it could work on."""
        program, _, verb = self.command.partition(" ")
        named = [str(place)] if not self.action.option_strings else [self.action.option_strings[0], str(place)]
        more = ["--overwrite"] if overwrite else []
        return PROGRAMS[program][1]([verb, *NEEDED[self.command], *named, *more])


def commands(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command below a parser, with its name."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for action in inner:
        for verb, below in action.choices.items():
            yield from commands(below, f"{name} {verb}")


ALL = [found for name, (make, _) in PROGRAMS.items() for found in commands(make(), name)]
FLAGS = [
    Flag(name, action) for name, parser in ALL for action in parser._actions if getattr(action, "type", 0) is OutputPath
]


def test_every_path_flag_says_whether_it_reads_or_writes() -> None:
    """A bare ``type=Path`` says neither; and whatever may be replaced can be protected by leaving a flag out."""
    found = 0
    for file in product_files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "type" and isinstance(node.value, ast.Name):
                found += 1
                assert node.value.id not in ("Path", "open"), f"{file}:{node.value.lineno}"
    assert found > 20
    kinds = {getattr(action, "type", None) for _, parser in ALL for action in parser._actions}
    assert {InputPath, OutputPath, FolderPath, FilledPath} <= kinds
    for flag in FLAGS:
        parser = dict(ALL)[flag.command]
        assert "--overwrite" in parser._option_string_actions, flag
        assert flag.command in NEEDED, f"{flag.command}: say in NEEDED what it needs to be started"


def product_files() -> list[Path]:
    return sorted(path for room in PRODUCT for path in (ROOT / room).rglob("*.py"))


# Calls that put something on the disk or take it away, by the last part of their name.
WRITERS = {
    *("write_text", "write_bytes", "unlink", "rmdir", "rmtree", "replace", "rename", "renames", "move", "copyfile"),
    *(
        "to_parquet",
        "to_csv",
        "to_json",
        "savefig",
        "write_table",
        "save_file",
        "savez",
        "symlink_to",
        "touch",
        "copy2",
    ),
}
# The guard itself, and the cache.
GUARDS = {"shared/output.py", "shared/files.py"}


def test_nothing_is_written_past_the_guard() -> None:
    """A writing call stands in the guard, where a place was yielded, or in a function that makes new files.

    Such a function's name says so: ``save_…``, and ``make…`` for what fills a new directory of the cache.
    """
    past = []
    for file in product_files():
        name = file.relative_to(ROOT).as_posix()
        if name in GUARDS or name.startswith("lessons/lesson_"):  # executed in an empty folder of its own
            continue
        tree = ast.parse(file.read_text())
        allowed = {
            inside
            for node in ast.walk(tree)
            if (
                isinstance(node, ast.FunctionDef)
                and node.name.lstrip("_").startswith(("save", "make", "write_native", "write_onnx"))
            )
            or (isinstance(node, ast.With) and any("written" in ast.unparse(item) for item in node.items))
            for inside in ast.walk(node)
        }
        past += [
            f"{name}:{node.lineno} {ast.unparse(node)[:80]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node not in allowed and writes(node)
        ]
    assert not past, "\n".join(past)


def writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if call.args and ast.unparse(call.args[0]) in ("os.devnull", "buffer"):
        return False
    if name == "open":
        modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        return any(isinstance(one, ast.Constant) and set(str(one.value)) & set("wax+") for one in modes[-2:])
    if name == "replace":  # of strings and of dataclasses too
        return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in ("os", "shutil")
    return name in WRITERS


def foreign(folder: Path) -> Iterator[tuple[str, Path]]:
    """Things of others that may stand at a place."""
    directory = folder / "directory"
    directory.mkdir()
    (directory / "thesis.doc").write_text("years of work")
    yield "a directory", directory
    record = folder / "with-a-record"
    record.mkdir()
    (record / "record.json").write_text('{"title": "Kind of Blue"}')
    yield "a directory with a record of another kind", record
    more = folder / "run-and-more"
    (more / "notes").mkdir(parents=True)
    (more / "record.json").write_text('{"record_version": 2}')
    (more / "model.json").write_text('{"format_version": 2}')
    (more / "notes" / "thesis.doc").write_text("years of work")
    yield "a run with more in it", more
    (folder / "file.txt").write_text("precious")
    (folder / "link").symlink_to(folder / "file.txt")
    yield "a link to a file", folder / "link"
    (folder / "link-to-directory").symlink_to(directory)
    yield "a link to a directory", folder / "link-to-directory"
    (folder / "dangling").symlink_to(folder / "nothing")
    yield "a dangling link", folder / "dangling"
    os.mkfifo(folder / "pipe")
    yield "a pipe", folder / "pipe"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    yield "a socket", folder / "socket"
    try:
        os.mknod(folder / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        return
    yield "a device", folder / "device"


def state(folder: Path) -> dict[str, object]:
    """All that stands in a folder: kinds, contents, targets."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = (
            path.read_bytes() if stat.S_ISREG(status.st_mode) else os.readlink(path) if path.is_symlink() else None
        )
        found[str(path)] = (stat.S_IFMT(status.st_mode), status.st_ino, content)
    return found


def named(folder: Path, flag: Flag, place: Path) -> Path:
    """The place with the ending that the command asks for."""
    ending = SUFFIX.get(flag.command) or SUFFIX.get(str(flag), "")
    if ending:
        place = place.rename(folder / f"{place.name}{ending}")
    return place


@pytest.mark.parametrize("flag", FLAGS, ids=str)
def test_what_others_put_there_stays(
    flag: Flag, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = [(what, named(tmp_path, flag, place)) for what, place in foreign(tmp_path)]
    before = state(tmp_path)
    for what, place in places:
        for overwrite in (False, True):
            assert flag.run(place, overwrite) == 2, what
            said = capsys.readouterr().err
            assert said.startswith("error: "), what
            assert said.count("\n") == 1, said
            assert place.name in said, f"{what}: {said}"
            assert state(tmp_path) == before, what


@pytest.mark.parametrize("flag", FLAGS, ids=str)
def test_a_place_that_cannot_be_written_is_found_at_once(
    flag: Flag, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("precious")
    ending = SUFFIX.get(flag.command) or SUFFIX.get(str(flag), "")
    for place in (
        tmp_path / "file" / f"x{ending}",
        Path(f"/proc/nowhere/x{ending}"),
        tmp_path / (f"{'x' * 300}{ending}"),
    ):
        assert flag.run(place, True) == 2
        said = capsys.readouterr().err
        assert "cannot be written" in said
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("flag", FLAGS, ids=str)
def test_a_file_is_replaced_only_when_that_is_asked_for(
    flag: Flag, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / f"file{SUFFIX.get(flag.command) or SUFFIX.get(str(flag), '')}"
    place.write_text("precious")
    assert flag.run(place, False) == 2
    said = capsys.readouterr().err
    assert "--overwrite" in said or "is a directory" in said or "is a file" in said
    assert place.read_text() == "precious"


def test_what_a_command_reads_it_does_not_replace(tmp_path: Path) -> None:
    read = tmp_path / "reviews.csv"
    read.write_text("text\ngood\n")
    (tmp_path / "link.csv").symlink_to(read)
    os.link(read, tmp_path / "hard.csv")
    for name in ("reviews.csv", "link.csv"):
        with (
            pytest.raises(LockstepError, match="is read by the same command"),
            Output(read, overwrite=True, inputs=(tmp_path / name,)),
        ):
            pass
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (data / "train" / "1.txt").write_text("good")
    with (
        pytest.raises(LockstepError, match="is read by"),
        Output(data / "train" / "1.txt", overwrite=True, inputs=(data,)),
    ):
        pass
    assert (data / "train" / "1.txt").read_text() == "good"


@pytest.mark.parametrize("name", ["record.json", "history.csv", "checkpoint/weights.safetensors", "new.parquet"])
def test_nothing_is_put_into_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    (tmp_path / "run" / "record.json").write_text('{"record_version": 2}')
    with pytest.raises(LockstepError, match="would stand in a run"), Output(tmp_path / "run" / name, overwrite=True):
        pass


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with written(path) as temporary:
        temporary.write_text("first")

    def fail_halfway() -> None:
        with written(path, overwrite=True) as temporary:
            temporary.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail_halfway()
    assert path.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    with pytest.raises(LockstepError, match="--overwrite"), written(path):
        raise AssertionError("the block must not begin")


def make_checkpoint(place: Path, content: str, **options: bool) -> None:
    with written(place, CHECKPOINT, **options) as temporary:
        temporary.mkdir()
        (temporary / "model.json").write_text(json.dumps({"format_version": content}))


def test_a_directory_of_ours_is_replaced_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "model"
    make_checkpoint(place, "first")
    with pytest.raises(LockstepError, match="a checkpoint is there already"):
        make_checkpoint(place, "second")
    make_checkpoint(place, "second", overwrite=True)
    assert "second" in (place / "model.json").read_text()
    assert [path.name for path in place.iterdir()] == ["model.json"]
    assert [path.name for path in place.parent.iterdir()] == ["model"]


def work_while_something_appears(place: Path, kind: Kind, overwrite: bool, appear: str) -> None:
    with Output(place, kind, overwrite=overwrite) as output, output.written() as temporary:
        if kind.entries:
            temporary.mkdir()
            (temporary / "record.json").write_text("hours of work")
        else:
            temporary.write_text("hours of work")
        if appear == "directory":
            place.mkdir()
            (place / "thesis.doc").write_text("precious")
        elif overwrite and not kind.entries:
            place.symlink_to("elsewhere")
        else:
            place.write_text("precious")


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_while_the_work_goes_on_is_not_lost(tmp_path: Path, overwrite: bool) -> None:
    for kind, appear in ((RUN, "directory"), (PAGE, "directory"), (PAGE, "file"), (RUN, "file")):
        folder = tmp_path / f"{kind.name} {appear}"
        place = folder / "out"
        with pytest.raises(LockstepError, match="came there meanwhile"):
            work_while_something_appears(place, kind, overwrite, appear)
        kept = folder / "out.1"
        text = (kept / "record.json" if kind.entries else kept).read_text()
        assert text == "hours of work"
        assert sorted(path.name for path in folder.iterdir()) == ["out", "out.1"]


def test_pages_are_made_anew_and_strangers_kept(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    for text in ("first", "second"):
        with written(page, PAGE) as temporary:
            temporary.write_text(f"{text}<!-- {MARK} -->")
    assert page.read_text().startswith("second")
    page.write_text("my own page")
    with pytest.raises(LockstepError, match="--overwrite"), written(page, PAGE):
        pass
    assert page.read_text() == "my own page"


def test_two_cannot_write_to_one_place(tmp_path: Path) -> None:
    place = tmp_path / "out"
    code = (
        "import sys, time; from pathlib import Path; from shared.output import Output\n"
        f"with Output(Path({str(place)!r})) as output:\n"
        "    print('claimed', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        assert is_claimed(place)
        with pytest.raises(BusyError, match="another process is writing there"), Output(place):
            pass
        with Output(tmp_path / "beside"):
            pass
        assert is_claimed(place), "whoever writes beside it leaves it alone"
        other.send_signal(signal.SIGKILL)
    assert not is_claimed(place), "the claim dies with its owner"
    assert list(tmp_path.glob(f".*{WORK}")), "a killed process leaves its directory"
    with written(place) as temporary:
        temporary.write_text("mine")
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "and the next one clears it away"


def test_one_place_cannot_be_named_twice(tmp_path: Path) -> None:
    with Output(tmp_path / "x"), pytest.raises(LockstepError, match="named twice"), Output(tmp_path / "y/../x"):
        pass


def test_leftovers_are_cleared_and_what_was_put_aside_comes_back(tmp_path: Path) -> None:
    """Where two directories cannot be exchanged at once, a kill may come when the old one is put aside."""
    work = tmp_path / "a" / f".seed-0{WORK}"
    (work / "replaced").mkdir(parents=True)
    (work / "replaced" / "record.json").write_text("old")
    (work / "new").mkdir()
    (work / "lock").touch()
    assert clear_leftovers(tmp_path) == 1
    assert (tmp_path / "a" / "seed-0" / "record.json").read_text() == "old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["seed-0"]


def test_standard_output_takes_a_file_and_no_directory(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with written(Path("-")) as temporary:
        temporary.write_bytes(b"\x00answer")
    assert capfdbinary.readouterr().out == b"\x00answer"
    with pytest.raises(LockstepError, match="standard output cannot take"), written(Path("-"), RUN):
        pass


@pytest.mark.parametrize("kind", [RUN, CHECKPOINT], ids=lambda kind: kind.name)
def test_a_directory_is_ours_only_if_it_is_so_wholly(tmp_path: Path, kind: Kind) -> None:
    def made(name: str) -> Path:
        place = tmp_path / name
        for entry in kind.entries:
            (place / entry).parent.mkdir(parents=True, exist_ok=True)
            (place / entry).write_text("{}")
        (place / kind.proof).write_text(json.dumps({PROOFS[kind.proof]: 2}))
        return place

    assert kind.stranger(made("whole")) is None
    spoilt: dict[str, Callable[[Path], object]] = {
        "another file": lambda place: (place / "thesis.doc").touch(),
        "a hidden file": lambda place: (place / ".git").mkdir(),
        "an empty folder": lambda place: (place / "notes").mkdir(),
        "a link": lambda place: (
            (place / kind.proof).rename(tmp_path / "p"),
            (place / kind.proof).symlink_to(tmp_path / "p"),
        ),
        "no proof": lambda place: (place / kind.proof).unlink(),
        "another proof": lambda place: (place / kind.proof).write_text('{"version": 2}'),
        "a list": lambda place: (place / kind.proof).write_text("[1]"),
        "damaged": lambda place: (place / kind.proof).write_text("{"),
    }
    for name, spoil in spoilt.items():
        place = made(name)
        spoil(place)
        assert kind.stranger(place), name


def test_a_cache_is_made_once_and_made_anew_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path))
    made = []

    def make(directory: Path) -> None:
        made.append(directory)
        time.sleep(0.2)
        (directory / "data").write_bytes(b"x" * 1_000)

    threads = [threading.Thread(target=lambda: cached("things", "key", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1, "the others wait"
    place = cached("things", "key", make)
    assert capsys.readouterr().err == ""
    damages: list[Callable[[], object]] = [
        lambda: (place / "data").write_bytes(b"x" * 999),
        lambda: (place / "data").write_bytes(b"y" + b"x" * 999),
        lambda: (place / "data").unlink(),
        lambda: (place / "manifest.json").write_text("[]"),
        lambda: (place / "manifest.json").unlink(),
        lambda: (place / "more").touch(),
    ]
    for count, damage in enumerate(damages, 2):
        damage()
        assert (cached("things", "key", make) / "data").read_bytes() == b"x" * 1_000
        assert len(made) == count
        said = capsys.readouterr().err
        assert "is damaged; it is made anew" in said
        assert said.count("\n") == 1
