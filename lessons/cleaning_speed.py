"""How fast every cleaning step is, beside the way that tutorials show.

``python -m lessons.cleaning_speed`` cleans all packaged reviews our way, and a sample of them with
BeautifulSoup, NLTK's Porter stemmer word by word and a lemmatizer document by document, in the order
of the tutorials: stop words last. Then it encodes the reviews, cold and from the cache. The tutorials'
other steps are taken to be ours, and their lemmatizer reads our table; a spaCy model, which tags
first, would be slower still.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import reduce

from bs4 import BeautifulSoup
from nltk.stem import PorterStemmer
from rich.console import Console
from rich.table import Table
from simplemma import text_lemmatizer

from shared.command_line import Parser, guarded
from shared.data.sources import load_reviews
from shared.loading import load_corpus
from shared.specification import Specification
from shared.terminal import console
from shared.text import STEPS, Pipeline
from shared.text.words import stop_words

Step = Callable[[str], str]

WORD_STEPS = ("stemming", "lemmatization", "stop_words")


def tutorial_steps() -> dict[str, Step]:
    """Return the tutorials' steps in their order; those that look no word up are ours, but for HTML."""
    stem = PorterStemmer().stem
    return {
        **{name: step for name, step in STEPS.items() if name not in WORD_STEPS},
        "html": lambda text: BeautifulSoup(text, "html.parser").get_text(" "),
        "stemming": lambda text: " ".join(stem(word) for word in text.split()),
        "lemmatization": lambda text: " ".join(text_lemmatizer(text, lang="en")),
        "stop_words": lambda text: " ".join(word for word in text.split() if word not in stop_words()),
    }


def in_a_row(steps: Sequence[Step]) -> Step:
    """Return the steps as one function."""
    return lambda text: reduce(lambda cleaned, step: step(cleaned), steps, text)


def seconds_a_review(clean: Step, texts: Sequence[str]) -> float:
    """Return the processor time, which other work on the machine changes less than the clock's."""
    started = time.process_time()
    for text in texts:
        clean(text)
    return (time.process_time() - started) / len(texts)


def show_cleaning(shown: Console, reviews: int, sample: int) -> None:
    """Print the time of each step that differs and of all steps in a row, both ways."""
    texts = load_reviews("packaged").texts[:reviews]
    sampled = texts[:: len(texts) // sample][:sample]
    tutorial = tutorial_steps()
    ways = {name: (Pipeline([name]), tutorial[name]) for name in ("html", *WORD_STEPS)}
    ways["every step"] = (Pipeline(), in_a_row(list(tutorial.values())))
    table = Table("step", "ours, ms", "tutorials, ms", "ratio")
    for name, (ours, theirs) in ways.items():
        own, other = seconds_a_review(ours, texts), seconds_a_review(theirs, sampled)
        table.add_row(name, f"{own * 1e3:.3f}", f"{other * 1e3:.3f}", f"{other / own:.1f}")
    shown.print(table)
    shown.print(f"processor time a review: ours of {len(texts):,}, the tutorials' way of {len(sampled):,} of them")


def show_encoding(shown: Console) -> None:
    """Print how long the default pipeline's encoding takes, cold and from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOCKSTEP_CACHE"] = folder
        for state in ("cold", "from the cache"):
            started = time.perf_counter()
            reviews = sum(map(len, load_corpus(Specification()).texts))
            shown.print(f"encoding {reviews:,} reviews, {state}: {time.perf_counter() - started:.2f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = Parser("python -m lessons.cleaning_speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reviews", type=int, default=25_000, metavar="N", help="cleaned our way; default: 25000")
    parser.add_argument("--sample", type=int, default=500, metavar="N", help="the tutorials' way; default: 500")
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.sample <= parsed.reviews:
        parser.error("--sample must be at least 1 and at most --reviews")
    shown = console()

    def measure() -> int:
        show_cleaning(shown, parsed.reviews, parsed.sample)
        show_encoding(shown)
        return 0

    return guarded(measure)


if __name__ == "__main__":
    sys.exit(main())
