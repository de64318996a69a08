# SPDX-License-Identifier: GPL-2.0
"""Configuration of Sphinx for scripts/docs.sh, which sets the variables.

The documents link to each other by file name (`building <building.rst>`__), so
that a forge shows them as well.  Here such links are turned into links between
pages.  Links to other files of the project lead to copies of these files.
"""
import os
import pathlib
import shutil
import sys

from docutils import nodes

ROOT = pathlib.Path(os.environ["KSPAN_ROOT"])
KERNEL = pathlib.Path(os.environ["KSPAN_KERNEL"])
sys.path.insert(0, str(KERNEL / "Documentation/sphinx"))

# Names that Sphinx reads.
project = "kspan"
version = release = os.environ["KSPAN_VERSION"]
# pylint: disable-next=redefined-builtin
copyright = "the kspan developers"
extensions = ["kerneldoc"]
kerneldoc_bin = str(KERNEL / "scripts/kernel-doc")
kerneldoc_srctree = str(ROOT)
kerneldoc_verbosity = 1
primary_domain = "c"
highlight_language = "none"
# Macros of the kernel in prototypes.
c_id_attributes = ["__must_check", "__malloc", "__user", "__force", "__iomem",
                   "__always_inline", "noinline"]
c_paren_attributes = ["__alloc_size", "__assume_aligned", "__printf"]
html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 2}
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_css_files = ["kspan.css"]
html_static_path = ["_static"]


def link_pages(app, doctree, docname):
    """Make links to documents and files work in the built pages."""
    here = (ROOT / "Documentation" / docname).parent
    for node in list(doctree.findall(nodes.reference)):
        uri, _, anchor = node.get("refuri", "").partition("#")
        if not uri or node.get("internal") or ":" in uri or uri[0] == "/":
            continue
        if uri.endswith(".rst") and uri[:-4] in app.env.found_docs:
            link = app.builder.get_relative_uri(docname, uri[:-4])
        else:
            path = (here / uri).resolve()
            if not path.is_file() or ROOT not in path.parents:
                raise ValueError(f"{docname}: there is no {uri}")
            copy = pathlib.Path("files") / path.relative_to(ROOT)
            target = pathlib.Path(app.outdir) / copy
            target.parent.mkdir(parents=True, exist_ok=True)
            # Browsers show text in the page, but offer .c for download.
            target = target.with_name(target.name + ".txt")
            shutil.copy(path, target)
            link = f"{copy}.txt"
        node["internal"] = True
        node["refuri"] = link + ("#" + anchor if anchor else "")


def setup(app):
    """Register the above with Sphinx."""
    app.connect("doctree-resolved", link_pages)
    return {"parallel_read_safe": True}
