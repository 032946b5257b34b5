"""What may import what: ``python -m tests.walls``, which `make lint` runs.

The contracts are import-linter's. Those of the implementations are made from `shared.frameworks`, so that a framework
that is added has its wall, and is walled off from the others, without a line here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple

from importlinter.cli import lint_imports

from shared.frameworks import IMPLEMENTATIONS, REGISTRY, Framework

# What lies beneath several implementations, and the packages that it is built on.
BENEATH = {"torch_layers": ("torch",)}
OURS = ("shared", "compare", *IMPLEMENTATIONS, *BENEATH)
FRAMEWORK_PACKAGES = tuple(
    dict.fromkeys(
        package
        for framework in REGISTRY
        for package in (*framework.imports, *framework.beneath)
        if package not in BENEATH
    )
)


class Contract(NamedTuple):
    """One of import-linter's contracts; the settings are named as it names them."""

    name: str
    type: str
    settings: dict[str, Iterable[str]]


def contracts() -> Iterator[Contract]:
    """Yield every wall between the project's packages."""
    yield forbidden("shared imports no framework and no other room", "shared", (*FRAMEWORK_PACKAGES, *OURS[1:]))
    yield Contract(
        "data knows nothing that is built on it",
        "forbidden",
        {
            "source_modules": ["shared.data"],
            "forbidden_modules": (
                *("shared.cell", "shared.description", "shared.loading", "shared.prediction", "shared.predictions"),
                *("shared.runs", "shared.vectors", "shared.weights"),
            ),
            # The command itself stands above all that it calls; what a task is, each task says.
            "ignore_imports": ["shared.data.__main__ -> shared.**"],
            "allow_indirect_imports": ["true"],
        },
    )
    yield forbidden(
        "compare imports shared only, and starts implementations by module name",
        "compare",
        (*FRAMEWORK_PACKAGES, *IMPLEMENTATIONS, *BENEATH),
    )
    for package, known in BENEATH.items():
        yield forbidden(
            f"{package} knows {', '.join(known)} and shared, and lies beneath the implementations that use it",
            package,
            [
                other
                for other in (*FRAMEWORK_PACKAGES, "compare", *IMPLEMENTATIONS, *BENEATH)
                if other not in (*known, package)
            ],
        )
    yield Contract(
        "no implementation imports another, nor compare", "independence", {"modules": (*IMPLEMENTATIONS, "compare")}
    )
    for framework in REGISTRY:
        yield wall_of(framework)


def forbidden(name: str, source: str, modules: Iterable[str]) -> Contract:
    """Return the contract that a package imports none of some modules, nor by way of others."""
    return Contract(name, "forbidden", {"source_modules": [source], "forbidden_modules": modules})


def wall_of(framework: Framework) -> Contract:
    """Return the contract that an implementation knows its own framework only, and what that is built on."""
    beneath = f", with {' and '.join(framework.beneath)} beneath it" if framework.beneath else ""
    known = (*framework.imports, *framework.beneath)
    return forbidden(
        f"{framework.module} knows {' and '.join(framework.imports)} only{beneath}",
        framework.module,
        [package for package in (*FRAMEWORK_PACKAGES, *BENEATH) if package not in known],
    )


def configuration() -> ConfigParser:
    """Return import-linter's configuration: packages and contracts."""
    parser = ConfigParser(interpolation=None)
    parser["importlinter"] = {"root_packages": "\n".join(OURS), "include_external_packages": "true"}
    for number, contract in enumerate(contracts()):
        settings = {name: "\n".join(values) for name, values in contract.settings.items()}
        parser[f"importlinter:contract:{number}"] = {"name": contract.name, "type": contract.type, **settings}
    return parser


def main() -> int:
    """Check the packages of the folder in which this runs; return import-linter's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walls.ini"
        with path.open("w") as file:
            configuration().write(file)
        return lint_imports(config_filename=str(path))


if __name__ == "__main__":
    sys.exit(main())
