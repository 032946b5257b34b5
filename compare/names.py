"""What frameworks, architectures and baselines are called and how they are drawn, everywhere."""

from __future__ import annotations

from functools import cache

from shared.frameworks import REFERENCE, REGISTRY

COLOURS = {
    **{framework.name: framework.colour for framework in REGISTRY},
    REFERENCE: "#000000",
    "baseline": "#666666",
}
MARKERS = {**{framework.name: framework.marker for framework in REGISTRY}, REFERENCE: "x", "baseline": "|"}
TITLES = {**{framework.name: framework.title for framework in REGISTRY}, REFERENCE: "NumPy reference"}
NO_FRAMEWORK = "no framework"  # of `shared.predictor`, which opens what others have trained
ARCHITECTURE_TITLES = {
    "rnn": "SimpleRNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "birnn": "BiRNN",
    "bigru": "BiGRU",
    "bilstm": "BiLSTM",
    "majority": "majority class",
    "mean-of-vectors": "mean of word vectors + LR",
    "tf-idf": "TF-IDF + LR",
    "linear-svm": "TF-IDF + linear SVM",
    "nb-svm": "NB-SVM",
    "nb-svm-trigrams": "NB-SVM, trigrams",
}


@cache
def repository() -> str:
    """Return where the project lives, as ``pyproject.toml`` says: the one setting from which all links are made."""
    from importlib.metadata import metadata  # 30 ms, and few commands make links

    return str(metadata("lockstep")["Project-URL"]).partition(", ")[2].rstrip("/")
