"""``lockstep convert`` and ``lockstep track``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from shared.command_line import FolderPath, InputPath, add_output, announce, output, positive
from shared.errors import LockstepError
from shared.specification import (
    POOLINGS,
)
from shared.terminal import ALWAYS, counted, printable, say

if TYPE_CHECKING:
    from compare.exchange.track import Tracked


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    convert = commands.add_parser(
        "convert",
        help="a trained model from one file format to another, exactly or not at all",
        description="Read a trained model and write it in another format, always through canonical weights. "
        "INPUT: a checkpoint directory, a .keras file, a PyTorch state_dict (.safetensors, .pt, .pth). "
        "OUTPUT: a directory (a checkpoint), .keras, .safetensors, .pt, .onnx. "
        "What has no exact counterpart is refused by name, never approximated.",
        epilog="example: lockstep convert model.keras model --vocabulary words.txt; lockstep convert model model.onnx",
    )
    convert.add_argument("input", type=InputPath, metavar="INPUT", help="a trained model")
    add_output(convert, "where to write it; the suffix says the format", "output", metavar="OUTPUT")
    convert.add_argument(
        "--vocabulary",
        type=InputPath,
        metavar="FILE",
        help="the model's words, one a line in the order of the ids, <pad> and <unk> first; default: placeholders",
    )
    convert.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        help="by label; default: what INPUT says, or negative positive, or class-0 class-1 … where there are more",
    )
    convert.add_argument(
        "--pooling", choices=POOLINGS, help="how a state_dict's model pools; default: what it says, or last"
    )
    convert.add_argument(
        "--max-length",
        type=positive,
        metavar="N",
        help="tokens of a review that are read; default: what INPUT says, or 192",
    )
    convert.set_defaults(run=_convert)
    _register_track(commands)


def _register_track(commands: Any) -> None:
    track = commands.add_parser(
        "track",
        help="finished runs into TensorBoard or MLflow: parameters, history, results, files",
        description="Hand finished runs to TensorBoard or MLflow. A run that is there already is not handed over "
        "again; damaged runs are named and left out. TensorBoard gets a folder for each run, whose event file says "
        "where the checkpoint lies and keeps numbers as float32; MLflow keeps them as float64, and gets the run's "
        "files too. MLflow's telemetry is switched off: nothing is sent but to the store that you name.",
        epilog="examples: lockstep track runs/quick --to tensorboard --out logs; tensorboard --logdir logs; "
        "lockstep track runs/quick --to mlflow; "
        "lockstep track runs/quick/keras/lstm/seed-0 --to mlflow --uri sqlite:///mlflow.db --experiment films",
    )
    track.add_argument("runs", type=InputPath, metavar="RUNS", help="an experiment, such as runs/quick, or one run")
    track.add_argument("--to", choices=("tensorboard", "mlflow"), required=True, help="what they are handed to")
    track.add_argument("--out", type=FolderPath, metavar="DIR", help="of TensorBoard: the folder for --logdir")
    track.add_argument(
        "--overwrite", action="store_true", help="of TensorBoard: replace logs of other runs with the same names"
    )
    track.add_argument(
        "--uri",
        metavar="URI",
        help="of MLflow: the store; default: $MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in this folder",
    )
    track.add_argument(
        "--experiment", metavar="NAME", help="of MLflow: default: the name of the experiment's folder, such as quick"
    )
    track.set_defaults(run=_track)


def _convert(arguments: argparse.Namespace) -> int:
    from compare.exchange.convert import Wishes, convert, describe, kind_of

    names = tuple(arguments.class_names) if arguments.class_names else None
    wishes = Wishes(arguments.vocabulary, names, arguments.pooling, arguments.max_length)
    with output(arguments, arguments.output, kind_of(arguments.output)) as place:
        checkpoint, notes = convert(arguments.input, place, wishes)
    for note in notes:
        say(note if note.startswith(ALWAYS) else f"note: {note}", aside=True)
    announce(place, describe(checkpoint))
    return 0


def _track(arguments: argparse.Namespace) -> int:
    from compare.exchange.track import check_installed, read_tracked

    _check_flags(arguments)
    check_installed(arguments.to)
    experiment, runs = read_tracked(arguments.runs)
    hand_over = _to_tensorboard if arguments.to == "tensorboard" else _to_mlflow
    return hand_over(arguments, experiment, runs)


def _check_flags(arguments: argparse.Namespace) -> None:
    flags = {"tensorboard": ("out", "overwrite"), "mlflow": ("uri", "experiment")}
    for tracker, names in flags.items():
        for name in names:
            given = getattr(arguments, name)
            if given == "":
                raise LockstepError(f"--{name}: is empty; leave it out for the default")
            if given and tracker != arguments.to:
                raise LockstepError(f"--{name} is for --to {tracker}, not for --to {arguments.to}; leave it out")
    if arguments.to == "tensorboard" and arguments.out is None:
        raise LockstepError("--to tensorboard needs --out DIR, the folder for tensorboard --logdir")


def _to_tensorboard(arguments: argparse.Namespace, experiment: str, runs: list[Tracked]) -> int:
    from compare.exchange.track import LOG, check_no_runs, is_logged, log_directory, save_log

    check_no_runs(arguments.out, experiment)
    places = [(run, log_directory(arguments.out, experiment, run)) for run in runs]
    missing = [place for run, place in places if not is_logged(run, place)]
    for place in missing:  # one that may not be replaced is found before any is written
        with output(arguments, place, LOG):
            pass
    for run, place in places:
        if place in missing:
            with output(arguments, place, LOG) as written:
                save_log(run, written)
        _announce(run, str(place), new=place in missing)
    say(f"{counted(len(runs), 'run')} in {arguments.out}; look at them: tensorboard --logdir {arguments.out}")
    return 0


def _to_mlflow(arguments: argparse.Namespace, experiment: str, runs: list[Tracked]) -> int:
    from compare.exchange.track import MLflowStore

    store, name = MLflowStore(arguments.uri), printable(arguments.experiment or experiment)
    with store.entered(name) as experiment_id:
        for run in runs:
            known = store.has(experiment_id, run)
            where = f"MLflow, experiment {name}"
            _announce(run, where if known else f"{where}, run {store.save(experiment_id, run)}", new=not known)
    say(f"{counted(len(runs), 'run')} in {store.title}; look at them: mlflow ui --backend-store-uri {store.title}")
    return 0


def _announce(run: Tracked, where: str, *, new: bool) -> None:
    say(f"{run.name}: {where}" if new else f"{run.name}: was there already ({where})")
    sys.stdout.flush()  # a line for each run as it is done, through a pipe too
