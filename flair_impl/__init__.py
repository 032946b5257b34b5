"""The classifier in Flair: `DocumentEmbeddings`, `TextClassifier` and `ModelTrainer`."""
