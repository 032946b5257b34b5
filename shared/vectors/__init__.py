"""Word vectors: read, trained, looked at, measured and debiased (``python -m shared.vectors``)."""

from shared.vectors.pretrained import VectorTable, load_vectors, read_vectors
from shared.vectors.space import WordVectors

__all__ = ["VectorTable", "WordVectors", "load_vectors", "read_vectors"]
