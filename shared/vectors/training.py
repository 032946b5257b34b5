"""Train word vectors: Word2Vec and fastText with gensim, GloVe with our own NumPy."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import LockstepError
from shared.vectors.glove import count_cooccurrences, train_glove
from shared.vectors.space import WordVectors

# gensim reads this many words of a text and ignores the rest (gensim.models.word2vec.MAX_WORDS_IN_BATCH).
GENSIM_WORDS = 10_000


def _field(description: str, default: Any, **constraints: Any) -> Any:
    return Field(default, description=description, **constraints)


class TrainingOptions(BaseModel):
    """Every choice that changes trained vectors. Validated and immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["word2vec", "fasttext", "glove"] = _field("fasttext is word2vec with sub-words", "word2vec")
    architecture: Literal["skip-gram", "cbow"] = _field(
        "of word2vec and fasttext: predict the context from a word, or a word from its context", "skip-gram"
    )
    objective: Literal["negative-sampling", "hierarchical-softmax"] = _field(
        "of word2vec and fasttext: what stands for the softmax over all words", "negative-sampling"
    )
    embedding_size: int = _field(
        "dimensions of a word's vector; the classifier's default is 50 too", 50, ge=1, le=4_096
    )
    window: int = _field("words on either side that are context", 5, ge=1, le=10_000)
    minimum_count: int = _field("rarer words get no vector", 5, ge=1, le=10**9)
    epochs: int | None = _field("passes over the corpus (default: 5; glove: 25, over the pairs)", None, ge=1, le=10_000)
    learning_rate: float | None = _field("at the beginning (default: 0.025; glove: AdaGrad's, 0.5)", None, gt=0, le=100)
    negative: int = _field("noise words for each true one in negative sampling", 5, ge=1, le=1_000)
    sample: float = _field(
        "word2vec and fasttext leave out occurrences of words more frequent than this share; 0: none", 1e-3, ge=0, lt=1
    )
    shortest_subword: int = _field("letters of fasttext's sub-words, at least", 3, ge=1, le=100)
    longest_subword: int = _field("and at most", 6, ge=1, le=100)
    buckets: int = _field("rows that fasttext's sub-words share by their hash", 2_000_000, ge=1, le=20_000_000)
    x_max: float = _field("glove: a pair seen as often has full weight", 100, gt=0, le=1e9)
    alpha: float = _field("glove: the exponent of a rarer pair's weight", 0.75, gt=0, le=1)
    seed: int = _field("same seed, same texts, same options: the same bytes", 0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _subwords_fit(self) -> TrainingOptions:
        if self.shortest_subword > self.longest_subword:
            raise ValueError("shortest-subword is above longest-subword")
        return self

    @classmethod
    def of(cls, **values: Any) -> TrainingOptions:
        """Validate options that a user gave; None means the default.

        Raises
        ------
        LockstepError
            If one is unknown or out of range.
        """
        try:
            return cls.model_validate({name: value for name, value in values.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"--{part}: ".replace("_", "-") for part in first["loc"])
            raise LockstepError(where + first["msg"].removeprefix("Value error, ")) from error


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser one flag for each of the options."""
    group = parser.add_argument_group("training")
    for name, field in TrainingOptions.model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        default = "" if field.default is None else f" (default: {field.default:{',' if name == 'buckets' else ''}})"
        group.add_argument(
            "--" + name.replace("_", "-"),
            metavar="|".join(choices) if choices else name.upper().split("_")[-1],
            help=f"{field.description}{default}",
        )


def train_vectors(
    texts: Sequence[Sequence[str]], options: TrainingOptions, also: Sequence[str] = (), progress: bool = False
) -> WordVectors:
    """Train the vectors of a corpus' words.

    Everything runs in one thread, because gensim's order of updates is not fixed with more; so the
    same texts, options and seed give the same vectors to the last bit.

    Parameters
    ----------
    texts : sequence of sequences of str
        Words of each text.
    options : TrainingOptions
        Method and settings.
    also : sequence of str
        Words that the corpus lacks: fastText makes their vectors from their sub-words.
    progress : bool
        Show a bar where there is one (GloVe).

    Returns
    -------
    WordVectors
        From the most frequent word to the rarest, then `also`.

    Raises
    ------
    LockstepError
        If no word is frequent enough, or the method cannot make vectors of unseen words.
    """
    if also and options.method != "fasttext":
        raise LockstepError(f"{options.method} has no vector for a word that it has not seen; fasttext has")
    counts = Counter(word for text in texts for word in text)
    words = sorted((word for word in counts if counts[word] >= options.minimum_count), key=lambda word: -counts[word])
    if len(words) < 2:
        raise LockstepError(f"fewer than two words stand {options.minimum_count} times in the texts: --minimum-count")
    if options.method == "glove":
        return _glove(texts, words, options, progress)
    keyed = _gensim_model(texts, options).wv
    unseen = [word for word in dict.fromkeys(also) if word not in keyed.key_to_index]
    names = (*words, *unseen)
    return WordVectors(names, np.array([keyed[word] for word in names], np.float32))


def _gensim_model(texts: Sequence[Sequence[str]], options: TrainingOptions) -> Any:
    from gensim.models import FastText, Word2Vec

    negative_sampling = options.objective == "negative-sampling"
    settings = {
        "sentences": [
            text[start : start + GENSIM_WORDS] for text in texts for start in range(0, len(text), GENSIM_WORDS)
        ],
        "vector_size": options.embedding_size,
        "window": options.window,
        "min_count": options.minimum_count,
        "epochs": options.epochs or 5,
        "alpha": options.learning_rate or 0.025,
        "sg": int(options.architecture == "skip-gram"),
        "hs": int(not negative_sampling),
        "negative": options.negative if negative_sampling else 0,
        "sample": options.sample,
        "seed": options.seed,
        "workers": 1,
    }
    if options.method == "word2vec":
        return Word2Vec(**settings)
    subwords = {"min_n": options.shortest_subword, "max_n": options.longest_subword, "bucket": options.buckets}
    return FastText(**settings, **subwords)


def _glove(
    texts: Sequence[Sequence[str]], words: Sequence[str], options: TrainingOptions, progress: bool
) -> WordVectors:
    ids = {word: number for number, word in enumerate(words)}
    encoded = [np.array([ids[word] for word in text if word in ids], np.int32) for text in texts]
    vectors, _ = train_glove(
        count_cooccurrences(encoded, len(words), options.window),
        options.embedding_size,
        options.epochs or 25,
        options.learning_rate or 0.5,
        options.x_max,
        options.alpha,
        options.seed,
        progress,
    )
    return WordVectors(tuple(words), vectors)
