#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print a page with every exported function, from the kernel-doc comments.

A section for each file of module/ that exports functions, in the order of its
folders; kernel-doc writes the prototypes and the text.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADERS = sorted((ROOT / "module/include/linux").glob("*.h"))
# The files that a reader wants first.
FIRST = ["api/alloc.c", "api/free.c", "api/realloc.c", "api/array.c",
         "api/string.c", "api/bulk.c", "api/rcu.c"]


def opening(path):
    """The first paragraph of the comment at the head of a file."""
    comment = re.search(r"/\*\s(.*?)\*/", path.read_text("utf-8"), re.S).group(1)
    lines = [re.sub(r"^ \* ?", "", line) for line in comment.splitlines()]
    paragraph = "\n".join(lines).strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def section(title, text=""):
    """A heading with a text below it."""
    print(f"{title}\n{'=' * len(title)}\n")
    if text:
        # No markup in there: the text is a comment of C.
        print(re.sub(r"([*_`|\\])", r"\\\1", text) + "\n")


def main():
    """Print the page."""
    print(".. SPDX-License-Identifier: GPL-2.0\n\n=========\nReference\n=========\n")
    print("The functions of kspan as their comments in the source describe them, "
          "by the file that defines them. `API <api.rst>`__ is the overview.\n")
    paths = [ROOT / "module" / name for name in FIRST]
    paths += sorted(path for path in (ROOT / "module").glob("*/*.c")
                    if path not in paths)
    for path in paths:
        if not path.exists() or "\nEXPORT_SYMBOL" not in path.read_text("utf-8"):
            continue
        name = path.relative_to(ROOT)
        section(name.as_posix(), opening(path))
        print(f".. kernel-doc:: {name}\n   :export:\n")
    for path in HEADERS:
        if "/**" in path.read_text("utf-8"):
            name = path.relative_to(ROOT)
            section(f"{path.parent.name}/{path.name}")
            print(f".. kernel-doc:: {name}\n   :internal:\n")


if __name__ == "__main__":
    main()
