"""Pretrained word vectors for the rows of a vocabulary."""

from shared.vectors.pretrained import VectorTable, load_vectors

__all__ = ["VectorTable", "load_vectors"]
