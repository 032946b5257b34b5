"""From a review's text to the ids of its words."""

from shared.text.pipeline import DEFAULT_CLEANING, STEPS, Pipeline
from shared.text.tokens import tokenize
from shared.text.vocabulary import PADDING_ID, UNKNOWN_ID, Vocabulary

__all__ = ["DEFAULT_CLEANING", "PADDING_ID", "STEPS", "UNKNOWN_ID", "Pipeline", "Vocabulary", "tokenize"]
