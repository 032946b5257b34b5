"""Trains what is compared: cells in processes of their own, baselines, and what may be used again."""
