"""The classifier in PyTorch: an `nn.Module` and a plain loop."""
