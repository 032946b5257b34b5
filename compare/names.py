"""What frameworks, architectures and baselines are called and how they are drawn, everywhere."""

from __future__ import annotations

from importlib.metadata import metadata

# Where the project lives, as pyproject.toml says: the one setting from which all links to it are made.
REPOSITORY = str(metadata("lockstep")["Project-URL"]).partition(", ")[2].rstrip("/")

# Okabe & Ito's palette, safe for colour-blind readers.
COLOURS = {
    "keras": "#D55E00",
    "pytorch": "#0072B2",
    "flair": "#009E73",
    "fastai": "#CC79A7",
    "reference": "#000000",
    "baseline": "#666666",
}
MARKERS = {"keras": "s", "pytorch": "o", "flair": "^", "fastai": "D", "reference": "x", "baseline": "|"}
TITLES = {"keras": "Keras", "pytorch": "PyTorch", "flair": "Flair", "fastai": "fastai", "reference": "NumPy reference"}
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
