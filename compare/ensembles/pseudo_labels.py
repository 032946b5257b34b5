"""Labels for reviews that have none: what the models of an experiment think together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compare.ensembles.ensemble import group_weights, grouped, pooled
from compare.grid.baselines import BASELINE, LINEAR, fit_baseline
from compare.workers import Workers, predict_with_checkpoint
from shared.command_line import announce
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.output import Output
from shared.predictions import Predictions, save_predictions
from shared.runs import read_runs
from shared.specification import from_record
from shared.terminal import progress_bar


def write_pseudo_labels(experiment: Path, place: Output) -> None:
    """Predict the unlabelled reviews of an experiment by its networks and linear baselines together.

    What comes out is for ``--pseudo-labels``: self-training in the manner of Yarowsky (1995), with
    an ensemble as the teacher. The models are weighted as `ensemble` weights them.

    Parameters
    ----------
    experiment : Path
        Its networks have checkpoints; its linear baselines are fitted again, which takes a minute.
    place : Output
        A file in the format of ``predictions.parquet``.

    Raises
    ------
    LockstepError
        If there are no runs, they were made without unlabelled reviews, or the data are others now.
    """
    runs = read_runs(experiment)
    specification = from_record(runs[0].record.specification)
    corpus = load_corpus(specification)
    if corpus.fingerprint != runs[0].record.data.fingerprint:
        raise LockstepError(
            f"{experiment}: its runs were not made with the reviews of {corpus.source} as they are now; train it again"
        )
    if not len(corpus.unlabelled):
        raise LockstepError(f"{experiment}: made without unlabelled reviews; run it with --unlabelled")
    groups = grouped([run for run in runs if run.record.framework != BASELINE or run.record.architecture in LINEAR])
    weights = group_weights(groups)
    frameworks = sorted({run.record.framework for run in runs} - {BASELINE})
    means = np.zeros((len(groups), len(corpus.unlabelled), len(corpus.class_names)))  # [groups, reviews, classes]
    with Workers(frameworks) as ask, progress_bar(total=sum(map(len, groups.values())), unit=" models") as bar:
        for (name, group), mean in zip(groups.items(), means, strict=True):
            for run in group:
                bar.set_description(name)
                if run.record.framework == BASELINE:
                    fitted = fit_baseline(run.record.architecture, specification, corpus)
                    probabilities = fitted.probabilities(corpus.texts[3])
                else:
                    probabilities = ask(predict_with_checkpoint, run.record.framework, run.directory, corpus.unlabelled)
                mean += probabilities / len(group)
                bar.update()
    together = pooled(weights, means)
    with place.written() as temporary:
        predictions = Predictions.of(corpus.unlabelled, together.astype(np.float32), corpus.class_names)
        save_predictions(temporary, predictions)
    sure = np.mean(together.max(axis=1) > 0.9)
    announce(place, f"{len(together):,} reviews labelled, {sure:.0%} of them with more than 90 %")
