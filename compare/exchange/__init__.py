"""Models and histories on their way to and from other programs."""
