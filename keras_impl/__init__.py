"""The classifier in Keras on TensorFlow: layers and `fit`."""
