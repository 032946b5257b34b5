"""Everything that must be one thing for all four implementations; no framework is imported here."""

__version__ = "0.1.0"
