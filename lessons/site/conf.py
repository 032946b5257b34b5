"""What Sphinx is told: only what the site needs, and nothing from the network."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

project = "Lockstep"
author = "the authors of Lockstep"
release = distribution("lockstep").version
html_title = "Lockstep: one model, four frameworks"
language = "en"

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.mathjax",
    "lessons.source_pages",
]
templates_path: list[str] = []
exclude_patterns: list[str] = []

# Lessons come executed; see lessons/notebooks.py.
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
# "[…]" in a text is seldom a link.
myst_url_schemes = ["http", "https", "mailto"]

# MathJax from an installed package: the site works without a network, from a folder.
_mathjax = Path(str(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")))
html_static_path = ["_static"]
html_css_files = ["lessons.css"]
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}, "chtml": {"adaptiveCSS": True}}

html_theme = "furo"
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}
html_show_sphinx = False
html_copy_source = False
# From a folder a page may not read another one, to quote it among what was found.
html_show_search_summary = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

default_role = "code"
# A type in a docstring may have the name of several classes; then it is no link.
suppress_warnings = ["ref.python"]
