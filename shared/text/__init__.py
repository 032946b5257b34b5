"""From a review's text to the ids of its words."""

from shared.text.tokens import clean, tokenize
from shared.text.vocabulary import PADDING_ID, UNKNOWN_ID, Vocabulary

__all__ = ["PADDING_ID", "UNKNOWN_ID", "Vocabulary", "clean", "tokenize"]
