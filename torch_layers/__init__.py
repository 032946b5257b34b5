"""What PyTorch, Flair and fastai would each need to have beneath them, once."""
