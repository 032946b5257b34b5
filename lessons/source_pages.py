"""The project's code in the lessons' site: every source file as a page, its docstrings, and links to its lines.

A Sphinx extension. Its role ``source``, as of ``shared/reference/cells.py#lstm_forward``, links to where the function
is defined. A file or a name that does not exist is a warning, so that a lesson cannot point at code that has moved.
Nothing is imported: a framework takes seconds, and code is enough.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.util.logging import getLogger
from sphinx.util.osutil import relative_uri

from shared.files import save_text
from shared.frameworks import IMPLEMENTATIONS

ROOT = Path(__file__).parents[1]
# What others import; the rest is commands, which say themselves what they do.
LIBRARY = ("shared", *IMPLEMENTATIONS, "torch_layers")
FOLDERS = (*LIBRARY, "compare", "lessons")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{path}</title><link rel="stylesheet" href="{root}_static/source.css"></head>
<body><h1><a href="{root}index.html">Lockstep</a> · {path}</h1>{lessons}{code}</body></html>
"""
LOG = getLogger(__name__)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def source_files() -> list[str]:
    """Return the paths of all source files of the product, relative to the project's folder."""
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def lines_of(path: str) -> dict[str, int]:
    """Return the first line of every function, class, method and constant of a file, by its dotted name."""

    def walk(body: list[ast.stmt], before: str) -> Iterator[tuple[str, int]]:
        for node in body:
            if isinstance(node, Definition):
                yield before + node.name, node.lineno
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{before}{node.name}.")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from ((before + one.id, node.lineno) for one in targets if isinstance(one, ast.Name))

    return dict(walk(_parsed(path).body, ""))


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def address(target: str) -> str | None:
    """Return where in the site ``path`` or ``path#name`` is, from its root; None if there is no such thing."""
    path, _, name = target.partition("#")
    if path not in source_files() or (name and name not in lines_of(path)):
        return None
    return f"source/{path}.html" + (f"#L-{lines_of(path)[name]}" if name else "")


def source_role(
    _role: str, rawtext: str, text: str, line: int, inliner: Inliner, *_options: Any
) -> tuple[list[nodes.Node], list[Any]]:
    """Link to a file of the project, or to a name in it."""
    environment = inliner.document.settings.env
    found = address(text)
    if found is None:
        LOG.warning("there is no %s in the project", text, location=(environment.docname, line))
        return [nodes.literal(rawtext, text)], []
    here = environment.app.builder.get_target_uri(environment.docname)
    path, _, name = text.partition("#")
    link = nodes.reference(rawtext, "", refuri=relative_uri(here, found), internal=True)
    link += nodes.literal("", f"{name} in {path}" if name else path)
    return [link], []


def save_source_pages(site: Path, explained: Mapping[str, Sequence[str]]) -> None:
    """Write every source file as a page of a site: an anchor for each line, and the lessons that explain it."""
    formatter: HtmlFormatter[str] = HtmlFormatter(lineanchors="L", style="default")
    dark: HtmlFormatter[str] = HtmlFormatter(style="monokai")
    for path in source_files():
        code = highlight((ROOT / path).read_text(encoding="utf-8"), PythonLexer(), formatter)
        place = site / "source" / f"{path}.html"
        place.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * (path.count("/") + 1)
        links = (f'<a href="{root}lessons/{name}.html">{_title(name)}</a>' for name in explained.get(path, []))
        lessons = f"<p>Explained in {', '.join(links)}.</p>" if path in explained else ""
        save_text(place, PAGE.format(path=path, root=root, code=code, lessons=lessons))
    rules = f"{formatter.get_style_defs()}\n@media (prefers-color-scheme: dark) {{\n{dark.get_style_defs()}\n}}\n"
    save_text(site / "_static" / "source.css", f"{(ROOT / 'lessons/site/source.css').read_text('utf-8')}{rules}")


def _title(lesson: str) -> str:
    return f"lesson {int(lesson.split('_')[1])}"


def reference(folder: str, explained: Mapping[str, Sequence[str]]) -> str:
    """Return the API reference of a package as MyST Markdown, made from its docstrings."""
    parts = [f"# {folder}\n"]
    for path in source_files():
        if path.startswith(f"{folder}/") and not path.endswith("__main__.py"):
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            body = "\n".join([f".. py:module:: {name}", "", *_text_of(_parsed(path)), *_members(_parsed(path).body)])
            links = [f"[{_title(lesson)}](../lessons/{lesson}.ipynb)" for lesson in explained.get(path, [])]
            lessons = f", explained in {', '.join(links)}" if links else ""
            parts.append(f"## {name}\n\n{{source}}`{path}`{lessons}\n\n```{{eval-rst}}\n{body}\n```\n")
    return "\n".join(parts)


def _members(body: list[ast.stmt]) -> Iterator[str]:
    """Every public function and class with a docstring, as a directive."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_") and ast.get_docstring(node):
            yield from ("", f".. py:{_directive(node)}:: {node.name}{_signature(node)}", "")
            inside = list(_text_of(node))
            if isinstance(node, ast.ClassDef):
                inside += _members(node.body)
            yield from (textwrap.indent(line, "   ") for line in inside)


def _directive(node: Definition) -> Literal["class", "property", "function"]:
    if isinstance(node, ast.ClassDef):
        return "class"
    decorators = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
    return "property" if decorators & {"property", "cached_property"} else "function"


def _signature(node: Definition) -> str:
    if _directive(node) != "function" or isinstance(node, ast.ClassDef):
        return ""
    bare = ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0]
    assert isinstance(bare, ast.FunctionDef)
    everything = [*bare.args.posonlyargs, *bare.args.args, *bare.args.kwonlyargs, bare.args.vararg, bare.args.kwarg]
    for argument in everything:
        if argument is not None:
            argument.annotation = None  # types stand in the docstring, with shapes
    return f"({ast.unparse(bare.args)})"


def _text_of(node: Definition | ast.Module) -> list[str]:
    what: Literal["module", "class", "property", "function"] = "module"
    if not isinstance(node, ast.Module):
        what = _directive(node)
    # Napoleon's own settings are no Sphinx configuration, and its documentation shows it so.
    config: Any = Config(napoleon_google_docstring=False, napoleon_use_ivar=True, napoleon_use_rtype=False)
    text = ast.get_docstring(node) or ""
    return ["", *str(NumpyDocstring(text, config, what=what)).splitlines(), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role."""
    app.add_role("source", source_role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
