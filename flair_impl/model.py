"""The model in Flair."""

from __future__ import annotations

import flair
import torch
from flair.data import Dictionary, Sentence
from flair.embeddings import DocumentEmbeddings, DocumentRNNEmbeddings, WordEmbeddings
from flair.models import TextClassifier
from torch import Tensor, nn

from flair_impl.weights import load_weights
from shared.data.batches import CHANNELS, FEATURES, STATES, WORDS
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.encoder import Encoder
from torch_layers.head import CrossEntropy, Head
from torch_layers.masks import NO_MASKS, TensorMasks, masked

LABEL_TYPE = "sentiment"

# In the idiomatic recipe Flair decides on these: what `DocumentRNNEmbeddings` reads, and SGD, which has no moments.
DECIDED_FIELDS = ("pooling", "schedule", "beta_1", "beta_2", "epsilon")


def idiomatic(specification: Specification) -> Specification:
    """Return the specification with what Flair's tutorials write.

    `DocumentRNNEmbeddings` reads the last output, or both ends of a bidirectional layer; word
    vectors stay as they are; `ModelTrainer.train` is SGD with rate 0.1 on the sum of the losses.

    Raises
    ------
    LockstepError
        If the architecture is a simple RNN, which those embeddings do not have.
    """
    if specification.cell == "rnn":
        raise LockstepError(
            "architecture: Flair's DocumentRNNEmbeddings has LSTM and GRU only; train rnn in the lockstep recipe"
        )
    return specification.replaced(
        pooling="ends" if len(specification.directions) == 2 else "last",
        train_embedding=False,
        dropout=0.5,
        learning_rate=0.1,
        schedule="constant",
        gradient_clipping=5.0,
        batch_size=32,
        **{name: Specification.model_fields[name].default for name in ("beta_1", "beta_2", "epsilon")},
    )


def build(specification: Specification, weights: Weights) -> TextClassifier:
    """Build the model of a recipe from canonical weights (see `shared.contract`)."""
    vocabulary_size, outputs = len(weights["embedding"]), len(weights["head.bias"])
    if specification.recipe == "idiomatic":
        encoder = document_rnn(specification, torch.from_numpy(weights["embedding"]))
        return classifier(encoder, specification, outputs, "sum")
    encoder = ReviewEmbeddings(specification, vocabulary_size)
    model = classifier(
        encoder, specification, outputs, specification.loss_reduction, decoder=Head(specification, outputs)
    )
    load_weights(model, weights)
    return model


def classifier(
    encoder: DocumentEmbeddings, specification: Specification, outputs: int, reduction: str, **options: object
) -> SentimentClassifier:
    """Put a linear head on document embeddings.

    Flair's labels are the classes' numbers, written out: what a class is called could mean something to Flair, as
    ``O`` does, which it never predicts.
    """
    labels = Dictionary(add_unk=False)
    for label in range(specification.classes(outputs)):
        labels.add_item(str(label))
    return SentimentClassifier(
        specification, reduction, embeddings=encoder, label_type=LABEL_TYPE, label_dictionary=labels, **options
    )


class SentimentClassifier(TextClassifier):
    """Flair's classifier; remembers each batch's logits, and each step's loss and right predictions for the record.

    Flair sums the loss over a batch. With ``reduction="mean"`` it is the mean, as elsewhere; what is
    remembered is the mean in both.
    """

    def __init__(self, specification: Specification, reduction: str, **options: object) -> None:
        super().__init__(**options)
        self.specification, self.classes = specification, len(self.label_dictionary)
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

    def __init__(self, specification: Specification, vocabulary_size: int) -> None:
        super().__init__()
        self.specification = specification
        self.embedding = nn.Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
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
        inputs = masked(self.embedding(tokens), masks, WORDS, CHANNELS)  # [batch, time, embedding]
        return masked(self.rnn(inputs, real, masks.get(STATES)), masks, FEATURES)


def document_rnn(specification: Specification, vectors: Tensor) -> DocumentRNNEmbeddings:
    """Return the encoder of Flair's tutorials.

    Its words are the ids of the shared vocabulary, written out: Flair looks up an unknown word in
    lower case and without digits, and would find other rows than the other three.
    """
    words = WordEmbeddings(
        None,
        vocab={str(number): number for number in range(len(vectors))},
        embedding_length=specification.embedding_size,
        name="words",
        fine_tune=specification.train_embedding,
        force_cpu=False,
    )
    with torch.no_grad():
        words.embedding.weight[: len(vectors)] = vectors
    return DocumentRNNEmbeddings(
        [words],
        hidden_size=specification.hidden_size,
        rnn_layers=specification.layers,
        bidirectional=len(specification.directions) == 2,
        dropout=specification.dropout,
        rnn_type=specification.cell.upper(),
    )
