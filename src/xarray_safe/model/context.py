"""One opening of a product: its files by pattern, values by look-up, and all that is not there or cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import (
    AbsentFileError,
    AccessDeniedError,
    CorruptFileError,
    MissingElementError,
    MissingFileError,
    SafeError,
    UnsupportedProductError,
)
from xarray_safe.model.arrays import LookUp, Prefetching
from xarray_safe.model.lookups import ABSENT, X

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive import Archive
    from xarray_safe.archive.files import Request
    from xarray_safe.model.arrays import Array, Source
    from xarray_safe.model.documents import Documents
    from xarray_safe.model.product import Facts, Product, Var

LISTED: Final = X("manifest", ".//byteStream/fileLocation/@href", default=(), every=True)
"""Files that the manifest lists."""

FAULTS: Final = (MissingFileError, CorruptFileError, MissingElementError, UnsupportedProductError)
"""What is wrong with one input, and no reason to refuse the others. A server that refuses or fails is not of these."""


class DeclaredFileError(MissingFileError):
    """A file that the product's metadata name is not there."""

    def __init__(self, message: str, names: list[str]) -> None:
        super().__init__(message)
        self.names = names


@dataclass
class BuildContext:
    """One opening of a product: what sources and look-ups work with (`arrays.Context`)."""

    files: Archive
    documents: Documents
    reduction: int = 0
    product: Product | None = None
    missing: str = "warn"
    damaged: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    _values: dict[LookUp, object] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, product: Product, facts: Facts, reduction: int, missing: str = "warn") -> BuildContext:
        """Find the product's XML files; none is read yet, but what the tables have read already is not read again."""
        archive = facts.files
        found = {name: archive.find(pattern) for name, pattern in product.documents.items()}
        there = {name: names[0] for name, names in found.items() if len(names) == 1}
        documents = replace(
            facts.documents,
            names=there,
            elided=product.elided,
            patterns=product.documents,
            roots=product.roots,
            respell=product.respell,
        )
        context = cls(archive, documents, reduction, product, missing)
        for name, names in found.items():
            if len(names) > 1:
                meant = context.meant(names)
                if len(meant) == 1:
                    there[name] = meant[0]
                else:
                    documents.faults[name] = _several(archive, product.documents[name], names)
        return context

    def value(self, look_up: LookUp) -> Any:
        """Value of a look-up, computed once."""
        try:
            return self._values[look_up]
        except KeyError:
            value = self._values[look_up] = look_up.resolve(self)
            return value

    def find(self, pattern: str) -> str:
        """Name of the one file that matches a pattern and that the metadata mean; see `arrays.Context`."""
        last = re.compile(re.escape(pattern.rpartition("/")[2]).replace(r"\*", "[^/]*"))
        suffix = re.search(r"\.\w+$", pattern)
        named = {self._full(name, suffix) for name in self._declared_last if last.fullmatch(self._full(name, suffix))}
        names = self.files.find(pattern)
        if named:
            names = [name for name in names if name.rpartition("/")[2] in named]
        if len(names) > 1:
            names = self.meant(names)
        if len(names) == 1:
            return names[0]
        if names:
            raise _several(self.files, pattern, names)
        if named:
            raise DeclaredFileError(
                f"{self.files.url}: {', '.join(sorted(named))}, which the metadata name, is not there. "
                "Download the product again.",
                sorted(named),
            )
        optional = self.product.optional_folders if self.product else ()
        expected = not pattern.startswith(optional) or any(map(last.fullmatch, self._listed_last))
        text = f"{self.files.url}: there is no file {pattern}. The archive is not complete; download it again."
        raise AbsentFileError(text, expected=expected)

    def meant(self, names: list[str]) -> list[str]:
        """Those of several files of one kind that the product's metadata mean: by their names, or by their folders."""
        exact = [name for name in names if name.rpartition(".")[0] in self._declared or name in self._declared]
        if exact:
            return exact
        folders = {_folder(name) for name in self._declared}
        inside = [name for name in names if _folder(name) in folders]
        known = [name for name in names if any(_folder(name).rpartition("/")[2] in one for one in self._identifiers)]
        return inside or known or names

    def prefetch(self, variables: Iterable[Var]) -> list[Request]:
        """Ranges that will be read on opening: metadata, and the headers that sources name."""
        sources = dict.fromkeys(var.source for var in variables if isinstance(var.source, Prefetching))
        ranges = (request for source in sources for request in source.prefetch(self.files))
        return [*self.documents.ranges(), *dict.fromkeys(ranges)]

    def unreadable(self, name: str) -> None:
        """Note a damaged file for the one warning."""
        self.damaged.append(name)

    def fault(self, error: SafeError) -> str:
        """Text of a fault without the archive's path; raise it if faults are errors."""
        if self.missing == "raise":
            raise error
        return str(error).removeprefix(f"{self.files.url}: ").removeprefix(f"{self.files.url}/")

    def open(self, variables: Iterable[Var], skipped: frozenset[str]) -> tuple[list[tuple[Var, Array]], list[Var]]:
        """Open the sources of variables, each source once; also return the variables that are absent.

        Parameters
        ----------
        variables
            To open.
        skipped
            Names of variables that nobody will see: what is wrong with them does not matter.
        """
        arrays: dict[Source, Array | SafeError] = {}
        present, absent = [], []
        for var in variables:
            if var.source not in arrays:
                arrays[var.source] = self._try(var.source)
            found = arrays[var.source]
            if not isinstance(found, SafeError):
                present.append((var, found))
            elif var.name in skipped:
                continue
            elif isinstance(found, AbsentFileError) and var.optional:
                if found.expected:
                    absent.append(var)
                    if found.__cause__:
                        self.reasons[var.path] = str(found.__cause__)
            else:
                absent.append(var)
                self.reasons[var.path] = self.fault(found)
                if isinstance(found, DeclaredFileError):  # one sentence for all of them
                    self.reasons[var.path] = ""
                    self.lacking.update(dict.fromkeys(found.names))
        return present, absent

    def _try(self, source: Source) -> Array | SafeError:
        """Open a source, or return what is wrong with its input."""
        try:
            return source.open(self)
        except FAULTS as error:
            return error
        except AccessDeniedError as error:
            if not self.files.local:  # expired credentials are no reason for a smaller tree
                raise
            return error

    @staticmethod
    def _full(name: str, suffix: re.Match[str] | None) -> str:
        """Last part of a file's name as it is stored: the metadata leave out the suffix."""
        return name if suffix is None or name.endswith(suffix[0]) else f"{name}{suffix[0]}"

    @cached_property
    def _declared(self) -> frozenset[str]:
        """Files that the product's metadata name, most without suffix."""
        return frozenset(self._texts(self.product.declared_files if self.product else ()))

    @cached_property
    def _declared_last(self) -> tuple[str, ...]:
        return tuple(name.rpartition("/")[2] for name in self._declared)

    @cached_property
    def _identifiers(self) -> tuple[str, ...]:
        """Identifiers of parts of the product, which hold the names of their folders."""
        return tuple(self._texts(self.product.identifiers if self.product else ()))

    @cached_property
    def _listed_last(self) -> tuple[str, ...]:
        return tuple(name.rpartition("/")[2] for name in self._texts((LISTED,)))

    def _texts(self, look_ups: Iterable[LookUp]) -> list[str]:
        """Texts that the XML gives; none where the XML is not there."""
        found: list[str] = []
        for look_up in look_ups:
            try:
                texts = self.value(look_up)
            except FAULTS:
                continue
            found += [text for text in (texts if isinstance(texts, list) else [texts]) if isinstance(text, str)]
        return found


class Lenient:
    """A context in which a value that cannot be known is `ABSENT`; what is wrong is noted for the one warning."""

    def __init__(self, context: BuildContext) -> None:
        self.strict = context
        self.files, self.documents, self.reduction = context.files, context.documents, context.reduction
        self.find, self.unreadable = context.find, context.unreadable

    def value(self, look_up: LookUp) -> Any:
        """Value of a look-up, or of those parts of it that can be known, or `ABSENT`."""
        try:
            return self.strict.value(look_up)
        except FAULTS as error:
            text = self.strict.fault(error)
            self.strict.unknown[text] = None
        try:
            return look_up.resolve(self)
        except FAULTS:
            return ABSENT


def _folder(name: str) -> str:
    """First two parts of a path: the folder of a granule or datastrip."""
    return "/".join(name.split("/")[:2])


def _several(archive: Archive, pattern: str, names: list[str]) -> CorruptFileError:
    listed = ", ".join(names)
    return CorruptFileError(
        f"{archive.url}: several files match {pattern}, where one must, and the metadata name none of them: {listed}. "
        "Delete what does not belong to the product, or download it again."
    )
