"""The model in Flair. Every room has this file; what all of them define stands in the same order."""

from __future__ import annotations

import flair
import torch
from flair.data import Dictionary, Sentence
from flair.embeddings import DocumentEmbeddings
from flair.models import TextClassifier
from torch import Tensor, nn

from flair_impl.weights import load_weights
from shared.data.batches import FEATURES, STATES, VECTOR_MASKS
from shared.data.encoded import EncodedReviews
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.encoder import Encoder, reprojection
from torch_layers.head import CrossEntropy, Head
from torch_layers.masks import NO_MASKS, TensorMasks, masked

LABEL_TYPE = "sentiment"


def build(specification: Specification, weights: Weights) -> TextClassifier:
    """Build the model from canonical weights (see `shared.contract`)."""
    outputs = len(weights["head.bias"])
    model = SentimentClassifier(
        specification,
        specification.loss_reduction,
        outputs=outputs,
        embeddings=ReviewEmbeddings(specification, weights),
        decoder=Head(specification, outputs),
    )
    load_weights(model, weights)
    return model


class SentimentClassifier(TextClassifier):
    """A linear head on document embeddings, Flair's `TextClassifier`; remembers each step's logits and figures.

    Flair sums the loss over a batch. With ``reduction="mean"`` it is the mean, as elsewhere; what is
    remembered is the mean in both.

    Flair's labels are the classes' numbers, written out: what a class is called could mean something to Flair, as
    ``O`` does, which it never predicts.
    """

    def __init__(self, specification: Specification, reduction: str, *, outputs: int, **options: object) -> None:
        labels = Dictionary(add_unk=False)
        for label in range(specification.classes(outputs)):
            labels.add_item(str(label))
        super().__init__(label_type=LABEL_TYPE, label_dictionary=labels, **options)
        self.specification, self.classes = specification, len(labels)
        self.loss_function = CrossEntropy(reduction=reduction)

    def _mask_scores(self, scores: Tensor, sentences: list[Sentence]) -> Tensor:
        """Keep the scores as they are, and what they are of: asked for them, Flair makes an object of each number."""
        self.scored, self.logits = sentences, scores.detach()  # [batch, classes]
        return scores

    def _calculate_loss(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, int]:
        loss, _ = super()._calculate_loss(scores, labels)
        self.step_reviews = len(labels)
        self.step_loss = loss.item() / (1 if self.loss_function.reduction == "mean" else len(labels))
        self.step_correct = (scores.argmax(dim=1) == labels).sum().item()
        return loss, len(labels)


class EncodedReview(Sentence):
    """A review as Flair sees it: one token, its place among the encoded reviews.

    Flair would make one object for each word. The words are needed as ids only, so they stay in
    the shared arrays.
    """

    def __init__(self, reviews: EncodedReviews, row: int) -> None:
        super().__init__([str(row)])
        self.reviews, self.row = reviews, row
        label = reviews.labels[row]
        if label >= 0:
            self.add_label(LABEL_TYPE, str(label))


class ReviewEmbeddings(DocumentEmbeddings):
    """Embedding, recurrent layers and pooling over real tokens: a vector for each review.

    No packing: on a CPU it is the slow way (see `torch_layers.encoder`).
    """

    name = "review"

    def __init__(self, specification: Specification, weights: Weights) -> None:
        super().__init__()
        self.specification = specification
        self.embedding = nn.Embedding(len(weights["embedding"]), specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.reprojection = reprojection(specification, weights)
        self.rnn = Encoder(specification)
        self.masks: TensorMasks = NO_MASKS  # of the batch under way, see shared.data.batches
        self.to(flair.device)

    @property
    def embedding_length(self) -> int:
        """Size of a review's vector."""
        return self.specification.features

    def _add_embeddings_internal(self, sentences: list[EncodedReview]) -> None:
        reviews = sentences[0].reviews
        tokens = torch.from_numpy(reviews.padded([sentence.row for sentence in sentences])).to(flair.device)
        for sentence, vector in zip(sentences, self.forward(tokens), strict=True):
            sentence.set_embedding(self.name, vector)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return features ``[batch, features]`` of padded tokens ``<int32>[batch, time]``."""
        real = tokens != self.specification.unread_id  # [batch, time]
        masks = self.masks if self.training else NO_MASKS
        inputs = masked(self.embedding(tokens), masks, *VECTOR_MASKS)  # [batch, time, embedding]
        features = self.rnn(self.reprojection(inputs), real, masks.get(STATES))  # [batch, features]
        return masked(features, masks, FEATURES)
