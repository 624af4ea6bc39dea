"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import generify

project = "Generify"
author = "The Generify developers"
copyright = author
version = release = generify.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure", "toc.empty_glob"]
linkcheck_timeout = 20

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections name the types
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "Generify"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_js_files = ["copy.js"]
html_show_sphinx = False
