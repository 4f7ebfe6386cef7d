"""How Sphinx makes the site of the Markdown that lies in this repository: `make docs`, result in dist/site/.

The source folder is the checkout, so pages stay where they are and are linked by the paths that a reader of the
repository follows. Every warning fails the build: a link or an anchor that leads nowhere, a page that no table of
contents names.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx import addnodes
from sphinx.application import Sphinx

project = "petct-settlement"
author = "the maintainers"
html_title = "petct-settlement"
language = "en"

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**.md",
    "ops/runbooks/*.md",
    "examples/**/README.md",
]
# Folders that hold no page need not be walked through.
exclude_patterns = [".*", "build", "dist", "schemas", "streams", "tests", "**/target"]
nitpicky = True

# `#the-slug-of-a-heading`, as repositories on the web make them.
myst_heading_anchors = 4

html_theme = "pydata_sphinx_theme"
html_extra_path = ["site"]  # index.html of the site, which leads to that of the pages
html_static_path: list[str] = []
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_use_index = False
html_theme_options = {
    "header_links_before_dropdown": 10,
    "navbar_align": "left",
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "navigation_depth": 3,
    "show_prev_next": True,
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _folders_are_no_pages(app: Sphinx, doctree: nodes.document) -> None:
    """A link to a folder is of use to who reads the repository; on the site its text stands there without one."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(addnodes.pending_xref)):
        if (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", _folders_are_no_pages)
    # Pygments has no lexer for the one, and one for the other that knows no recording rules.
    app.add_lexer("csv", TextLexer)
    app.add_lexer("promql", TextLexer)
