"""``python -m tests.attack --seed N``: try what destroys, damages or deceives, and count what goes wrong."""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

from tests.attack.commands import MODULES, main_of
from tests.attack.harness import Case, Scene, Wrong, copy
from tests.attack.materials import make

KINDS = ("outputs", "inputs", "edits", "flags", "kills", "disks", "races", "signals", "terminals", "numbers", "bombs")


def main() -> int:
    arguments = _parser().parse_args()
    started = time.monotonic()
    if arguments.only:
        kind, _, number = arguments.only.partition(":")
        chosen = [(kind, int(number))]
    else:
        chosen = _chosen(arguments.kinds, arguments.cases, arguments.seed)
    if arguments.list:
        for kind, number in sorted(chosen):
            print(f"{kind}:{number} {cases_of(kind, arguments.seed)[number].title!r}")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    try:
        tally, wrong = _attack(folder, chosen, arguments)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _print(tally, wrong, time.monotonic() - started, arguments)
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn; default: 0")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument(
        "--cases", type=int, default=2_200, metavar="N", help="a sample of so many, of each kind its share; 0 is all"
    )
    parser.add_argument("--only", metavar="KIND:NUMBER", help="one case, with the seed that it had")
    parser.add_argument("--list", action="store_true", help="say what would be tried, and try nothing")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="cases side by side; default: 2")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the cases that go wrong")
    return parser


@functools.cache
def cases_of(kind: str, seed: int) -> list[Case]:
    """All cases of a kind, the same for the same seed."""
    return list(importlib.import_module(f"tests.attack.{kind}").cases(Random(f"{kind} {seed}")))


def _chosen(kinds: list[str], count: int, seed: int) -> list[tuple[str, int]]:
    """Kind and number of the cases to try, shuffled, so that a sample has some of each kind."""
    every = {kind: len(cases_of(kind, seed)) for kind in kinds}
    share = count / sum(every.values()) if count else 1.0
    random, chosen = Random(seed), []
    for kind, total in every.items():
        chosen += [(kind, number) for number in random.sample(range(total), min(total, max(1, round(share * total))))]
    random.shuffle(chosen)
    return chosen


def _attack(
    folder: Path, chosen: list[tuple[str, int]], arguments: argparse.Namespace
) -> tuple[dict[str, collections.Counter[str]], list[dict[str, str]]]:
    for module in MODULES:
        main_of(module)  # imported once, before any process is forked
    materials = folder / "materials" / "folder"
    materials.mkdir(parents=True)
    make(Scene(materials, Random(0)))
    context = multiprocessing.get_context("fork")
    place, answers = context.Value("i", 0), context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(folder, chosen, arguments, place, answers))
        for _ in range(min(arguments.workers, len(chosen)))
    ]
    for worker in workers:
        worker.start()
    tally: dict[str, collections.Counter[str]] = {}
    wrong = []
    began = last = time.monotonic()
    for done in range(1, len(chosen) + 1):
        answer = json.loads(answers.get())
        counted = tally.setdefault(answer["kind"], collections.Counter())
        counted["tried"] += 1
        counted["seconds"] += answer["seconds"]
        if answer["wrong"]:
            counted["wrong"] += 1
            wrong.append(answer)
            kept = f"\n    kept: {answer['folder']}" if arguments.keep else ""
            print(f"WRONG {_describe(answer, arguments.seed)}{kept}", flush=True)
        if time.monotonic() - last > (1 if sys.stderr.isatty() else 30) or done == len(chosen):
            last = time.monotonic()
            left = (last - began) / done * (len(chosen) - done)
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"{done}/{len(chosen)} tried, {len(wrong)} wrong, {left:.0f} s left ", end=end, file=sys.stderr)
    for worker in workers:
        worker.join()
    return tally, wrong


def _work(folder: Path, chosen: list[tuple[str, int]], arguments: argparse.Namespace, place: Any, answers: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while True:
        with place.get_lock():
            mine = place.value
            place.value += 1
        if mine >= len(chosen):
            return
        kind, number = chosen[mine]
        case = cases_of(kind, arguments.seed)[number]
        began = time.monotonic()
        random = Random(f"{arguments.seed} {kind} {number}")
        problem, where = _tried(folder, case, f"{kind}-{number}", random, arguments.keep)
        seconds = time.monotonic() - began
        answer = {"kind": kind, "number": number, "title": case.title, "wrong": problem, "seconds": seconds}
        answers.put(json.dumps({**answer, "folder": where}))


def _tried(folder: Path, case: Case, name: str, random: Random, keep: bool) -> tuple[str, str]:
    """Try a case in a copy of the materials; return what went wrong, or nothing, and where."""
    scene = Scene(folder / name / "folder", random)
    scene.folder.parent.mkdir()
    copy(folder / "materials" / "folder", scene.folder)
    copy(folder / "materials" / "cache", scene.cache)
    problem = ""
    try:
        case.attempt(scene)
    except Wrong as error:
        problem = str(error)
    except Exception:
        problem = f"the case itself failed: {traceback.format_exc()}"
    if not (problem and keep):
        shutil.rmtree(scene.folder.parent, ignore_errors=True)
    return problem, str(scene.folder)


def _describe(answer: dict[str, str], seed: int) -> str:
    again = f"python -m tests.attack --seed {seed} --only {answer['kind']}:{answer['number']} --keep"
    return f"{answer['kind']}:{answer['number']} {answer['title']}\n    {answer['wrong']}\n    again: {again}"


def _print(
    tally: dict[str, collections.Counter[str]],
    wrong: list[dict[str, str]],
    seconds: float,
    arguments: argparse.Namespace,
) -> None:
    if wrong:
        print(f"\n{len(wrong)} cases went wrong; each is named above with the command that repeats it.")
    print(f"\n{'kind':<12}{'tried':>8}{'right':>8}{'wrong':>8}{'s a case':>10}")
    total: collections.Counter[str] = collections.Counter()
    for kind, counted in sorted(tally.items()):
        total += counted
        print(_row(kind, counted))
    print(_row("all", total))
    print(f"seed {arguments.seed}, {seconds:.0f} s")


def _row(name: str, counted: collections.Counter[str]) -> str:
    tried, wrong = counted["tried"], counted["wrong"]
    return f"{name:<12}{tried:>8}{tried - wrong:>8}{wrong:>8}{counted['seconds'] / max(1, tried):>10.2f}"


if __name__ == "__main__":
    sys.exit(main())
