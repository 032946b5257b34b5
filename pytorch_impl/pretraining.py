"""``python -m pytorch_impl.pretraining``: learn the vectors and the recurrent layer as a language model.

Every direction predicts the next word that it reads, from left to right or from right to left, as in
Dai & Le (2015), "Semi-supervised sequence learning". What comes out is an ordinary checkpoint with
an untrained head: whichever framework builds it, ``--start-from`` begins there.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import os
import sys
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pytorch_impl.model import SentimentClassifier, build
from pytorch_impl.training import configure
from pytorch_impl.weights import export_weights
from shared.cell import initial_weights
from shared.command_line import Parser, add_machine_flags, add_output, announce, guarded, output
from shared.data.batches import Batches
from shared.data.corpus import Corpus
from shared.differences import is_finite
from shared.errors import LockstepError
from shared.history import diverged, learning_rate_at
from shared.loading import load_corpus
from shared.runs import this_commit, this_machine
from shared.specification import Specification, add_specification_flags, specification_from_flags
from shared.terminal import progress_bar
from shared.text import PADDING_ID, UNKNOWN_ID
from shared.weights import CHECKPOINT, Checkpoint, folded, save_checkpoint
from torch_layers.encoder import mirrored_places
from torch_layers.parts import side_by_side

# Words that each batch's right words are told apart from, drawn by frequency to the power of 3/4
# (Mikolov et al. 2013, "Distributed representations", section 2.2).
SAMPLED_WORDS = 512
SAMPLING_POWER = 0.75


class LanguageModel(nn.Module):
    """Two readers of one text above the classifier's own embedding and recurrent layer.

    A word's score is the product of its embedding and the projected state, plus a bias: the output
    layer is tied to the input layer (Press & Wolf 2017).
    """

    def __init__(self, classifier: SentimentClassifier, counts: np.ndarray) -> None:
        super().__init__()
        specification = classifier.specification
        self.classifier = classifier
        self.project = nn.ModuleList(
            nn.Linear(specification.hidden_size, specification.embedding_size) for _ in specification.directions
        )
        self.bias = nn.Parameter(torch.zeros(len(counts)))  # [vocabulary]
        frequency = torch.from_numpy(counts.astype(np.float32)) ** SAMPLING_POWER
        self.register_buffer("frequency", frequency / frequency.sum())  # [vocabulary]

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the mean sampled cross-entropy of the next words.

        Parameters
        ----------
        tokens : <int32>[batch, time]
            Right-padded word ids.
        """
        real = tokens != PADDING_ID  # [batch, time]
        mirror = mirrored_places(real.t()).t()  # [batch, time]
        sampled = torch.multinomial(self.frequency, SAMPLED_WORDS, replacement=True)  # [sampled]
        losses = []
        states = self.classifier.rnn.states(
            self.classifier.embedding(tokens), real
        )  # [batch, time, directions * hidden]
        for back, outputs in enumerate(states.chunk(len(self.project), dim=2)):
            words = tokens.long().gather(1, mirror) if back else tokens.long()  # [batch, time]
            known = words[:, 1:] > UNKNOWN_ID  # [batch, time - 1]
            losses.append(self._loss(self.project[back](outputs[:, :-1][known]), words[:, 1:][known], sampled))
        return torch.stack(losses).mean()

    def _loss(self, states: Tensor, targets: Tensor, sampled: Tensor) -> Tensor:
        """Return the sampled softmax's loss of states ``[words, embedding]`` (Jean et al. 2015, section 3)."""
        embedding = self.classifier.embedding.weight
        expected = torch.log(self.frequency * len(sampled))  # [vocabulary]
        right = (states * embedding[targets]).sum(dim=1) + self.bias[targets] - expected[targets]  # [words]
        others = states @ embedding[sampled].T + self.bias[sampled] - expected[sampled]  # [words, sampled]
        others = others.masked_fill(targets[:, None] == sampled, -torch.inf)
        scores = torch.cat([right[:, None], others], dim=1)  # [words, 1 + sampled]
        return nn.functional.cross_entropy(scores, torch.zeros_like(targets))


def pretrain(specification: Specification, corpus: Corpus) -> tuple[Checkpoint, list[float]]:
    """Train a language model on all reviews outside the test set.

    Parameters
    ----------
    specification : Specification
        The model fields (with ``start_from`` another language model goes on learning, and a direction
        that it lacks is added), and of the training fields ``epochs``, ``batch_size``, ``batch_parts``,
        ``learning_rate``, ``schedule``, ``gradient_clipping`` and ``seed``. The output layer uses all threads,
        so that other numbers of threads give other rounding.
    corpus : Corpus
        Read: training, validation and unlabelled reviews.

    Returns
    -------
    checkpoint : Checkpoint
        The classifier's weights, the head as it was initialised.
    losses : list of float
        Of each epoch, in nats a word, of the sampled softmax.

    Raises
    ------
    LockstepError
        If the model has more than one recurrent layer: above the first, the two directions would
        have read the word that they are to predict. If a loss is not finite.
    """
    if specification.layers > 1:
        raise LockstepError("--layers: a language model of one recurrent layer only can be carried over")
    if specification.schedule == "plateau":
        raise LockstepError("--schedule plateau: a language model is not validated; choose another schedule")
    classifier = build(specification, initial_weights(specification, corpus))
    reviews = corpus.outside_test
    reviews = reviews.take(np.flatnonzero(reviews.lengths > 1))  # a single word has no next one
    counts = np.bincount(np.concatenate(list(reviews.whole())), minlength=len(corpus.vocabulary)) + 1  # [vocabulary]
    model = LanguageModel(classifier, counts)
    batches = Batches(reviews, specification)
    steps = batches.epochs * len(batches)
    optimizer = torch.optim.Adam(model.parameters(), lr=specification.learning_rate, fused=True)
    losses = []
    bar = progress_bar(total=steps, desc="language model", unit=" steps")
    with bar, side_by_side(classifier, threads_elsewhere=torch.get_num_threads()):
        for epoch in range(batches.epochs):
            total = 0.0
            for number in range(len(batches)):
                tokens = torch.from_numpy(batches.tokens(epoch, number)).to(model.frequency.device)  # [batch, time]
                optimizer.param_groups[0]["lr"] = learning_rate_at(specification, bar.n, steps)
                loss = model(tokens)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), specification.gradient_clipping or torch.inf)
                optimizer.step()
                if not is_finite(loss.item()):
                    raise diverged(specification, f"the loss is {loss.item()}", bar.n + 1, steps, epoch + 1)
                total += loss.item()
                bar.set_postfix(loss=f"{total / (number + 1):.4f}", refresh=False)
                bar.update()
            losses.append(total / len(batches))
            bar.write(f"epoch {epoch + 1}: loss {losses[-1]:.4f} nats a word", file=sys.stderr)
    return Checkpoint(specification, corpus.vocabulary, folded(export_weights(classifier)), corpus.class_names), losses


# Nothing of these is in a language model; its reviews have no classes.
NOT_OF_A_LANGUAGE_MODEL = (
    *("recipe", "like", "class_weights", "spatial_dropout", "recurrent_dropout", "embedding_dropout", "token_dropout"),
    *("second_bias", "reprojection", "optimizer", "weight_decay", "momentum", "momentum_schedule"),
    "evaluation_weights",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    return guarded(lambda: _pretrain(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "python -m pytorch_impl.pretraining",
        description="Learn the word vectors and the recurrent layer as a language model of all reviews outside the "
        "test set, and write a checkpoint for train --start-from, in any framework.",
    )
    add_output(parser, "the checkpoint", metavar="DIR", required=True)
    add_machine_flags(parser)
    add_specification_flags(parser, without=NOT_OF_A_LANGUAGE_MODEL)
    return parser


def _pretrain(arguments: argparse.Namespace) -> int:
    specification = specification_from_flags(arguments)
    with output(arguments, arguments.out, CHECKPOINT) as place:
        configure(arguments.device, arguments.threads or os.cpu_count() or 1, specification)
        checkpoint, losses = pretrain(specification, load_corpus(specification, progress=True))
        with place.written() as temporary:
            made = {"machine": this_machine().model_dump(), "commit": this_commit()}
            save_checkpoint(temporary, checkpoint, losses=losses, **made)
    announce(place, f"{losses[-1]:.4f} nats a word after {len(losses)} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
