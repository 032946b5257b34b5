"""Lessons: the design's traps and the equations, as text and as code that runs."""
