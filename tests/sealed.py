"""Change what a run or a checkpoint says, and its checksums with it, as no accident does."""

from __future__ import annotations

import json
from pathlib import Path

from shared.files import checksum, manifest, seal


def reseal_checkpoint(checkpoint: Path, **changes: object) -> None:
    """Put other values into ``model.json``; the checksums are those of the files as they are now."""
    model = checkpoint / "model.json"
    values = {**json.loads(model.read_text()), **changes}
    files = {name: checksum(checkpoint / name) for name in values["files"] if (checkpoint / name).exists()}
    model.write_text(json.dumps(seal({"files": files, **{name: values[name] for name in values if name != "files"}})))


def reseal_run(run: Path, **changes: object) -> None:
    """Put other values into ``record.json``; its checkpoint, if it has one, describes the same model."""
    path = run / "record.json"
    values = {**json.loads(path.read_text()), **changes}
    if (run / "checkpoint").is_dir():
        reseal_checkpoint(run / "checkpoint", specification=values["specification"])
    files = {name: sum_ for name, sum_ in manifest(run).items() if name != "record.json"}
    path.write_text(json.dumps(seal({"files": files, **{name: values[name] for name in values if name != "files"}})))
