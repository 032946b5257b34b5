"""Runs the grid of implementations, scores baselines beside them, and writes the report."""
