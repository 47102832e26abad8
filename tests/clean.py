"""Run an installed pix2pix where only Python's own modules and the package's dependencies can be imported.

    python -P clean.py FOLDER CODE WORDS...

FOLDER is where pip has put the wheel. Dependencies are those that its metadata names, without extras, and
theirs in turn; every other package of this environment is hidden with its metadata, as if it were not
installed. CODE runs before the program. A second copy of torch, several GB, would take minutes to install.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution, packages_distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OWN = "pix2pix"


class Only:
    """A finder that does not see what is hidden."""

    def __init__(self, finder: Any, modules: set[str], packages: set[str]) -> None:
        self._finder, self._hidden, self._packages = finder, modules, packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in self._hidden:
            return None
        return self._finder.find_spec(name, path, target)

    def find_distributions(self, context: Any) -> Iterator[Distribution]:
        listed = getattr(self._finder, "find_distributions", lambda context: ())(context)
        return (d for d in listed if canonicalize_name(d.metadata["Name"] or "") in self._packages)

    def invalidate_caches(self) -> None:
        getattr(self._finder, "invalidate_caches", lambda: None)()


def dependencies(package: Distribution) -> set[str]:
    """The names of a distribution and of all that it needs here."""
    names, waiting = {canonicalize_name(package.metadata["Name"])}, [(package, "")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        package, extra = waiting.pop()
        for requirement in map(Requirement, package.requires or ()):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            names.add(name)
            needed = {(name, part) for part in ("", *requirement.extras)} - seen
            seen |= needed
            waiting += [(distribution(requirement.name), part) for _, part in needed]
    return names


def main(folder: Path, code: str, words: list[str]) -> None:
    (about,) = folder.glob(f"{OWN}-*.dist-info")
    packages = dependencies(PathDistribution(about))
    modules = {
        module
        for module, owners in packages_distributions().items()
        if not packages & {canonicalize_name(owner) for owner in owners}
    } - {OWN, *sys.stdlib_module_names}
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] in modules | {OWN}]:
        del sys.modules[name]
    sys.meta_path[:] = [Only(finder, modules, packages) for finder in sys.meta_path]
    exec(code, {})
    from pix2pix.cli import main as program

    assert Path(program.__file__).is_relative_to(folder), program.__file__
    sys.argv[1:] = words
    program.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
