"""Whether the frameworks are the same model: against a reference, and opened in each other."""
