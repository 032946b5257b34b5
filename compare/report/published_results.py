"""Accuracies on the official IMDB test reviews, as papers give them."""

from __future__ import annotations

from compare.report.form import PublishedResult
from shared.tasks import task_of

NOTE = "Papers train on the official 25,000 reviews and test on the official 25,000; some use more text or data."

RESULTS = (
    PublishedResult(
        name="BiLSTM, mixed objective",
        accuracy=0.9568,
        source="Sachan, Zaheer & Salakhutdinov 2019",
        url="https://arxiv.org/abs/2009.04007",
    ),
    PublishedResult(
        name="ULMFiT", accuracy=0.954, source="Howard & Ruder 2018", url="https://aclanthology.org/P18-1031/"
    ),
    PublishedResult(
        name="block-sparse LSTM",
        accuracy=0.9499,
        source="Gray, Radford & Kingma 2017",
        url="https://cdn.openai.com/blocksparse/blocksparsepaper.pdf",
    ),
    PublishedResult(
        name="oh-LSTM", accuracy=0.941, source="Johnson & Zhang 2016", url="https://arxiv.org/abs/1602.02373"
    ),
    PublishedResult(
        name="virtual adversarial training",
        accuracy=0.941,
        source="Miyato, Dai & Goodfellow 2017",
        url="https://arxiv.org/abs/1605.07725",
    ),
    PublishedResult(
        name="BCN + Char + CoVe", accuracy=0.918, source="McCann et al. 2017", url="https://arxiv.org/abs/1708.00107"
    ),
    PublishedResult(
        name="NB-SVM, bigrams", accuracy=0.912, source="Wang & Manning 2012", url="https://aclanthology.org/P12-2018/"
    ),
)


def published_results(source: str) -> tuple[PublishedResult, ...]:
    """Return what was published on the reviews that ``--data`` names; empty if they are not IMDB's."""
    found = task_of(source)
    return RESULTS if found and found[0].name == "imdb" else ()
