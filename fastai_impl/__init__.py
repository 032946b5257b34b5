"""The classifier in fastai: `DataLoaders`, `Learner` and callbacks."""
