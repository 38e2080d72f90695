"""What a product type is: its variables, attributes and files, as tables that are functions of an archive's facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.model.documents import Documents

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from xarray_safe.archive import Archive
    from xarray_safe.model.arrays import Context, LookUp, Source
    from xarray_safe.model.lookups import X


@dataclass(frozen=True, slots=True)
class Var:
    """One variable of the tree.

    Parameters
    ----------
    path
        Absolute path in the tree, e.g. ``/measurements/image``.
    source
        Where its values come from.
    dims
        Names of its dimensions. A variable with the name of its only dimension is a coordinate; others are
        named in the ``coordinates`` attribute of the variables that they belong to, as in Zarr.
    attrs
        Raw attributes as they stand in the Zarr, CF ones (``scale_factor``, ``_FillValue``, …) and look-ups
        (`lookups.X`) among them.
    optional
        A product may lack it (one warning), unless its metadata name the file; else a missing file is an error.
    """

    path: str
    source: Source
    dims: tuple[str, ...]
    attrs: Mapping[str, object] = field(default_factory=dict)
    optional: bool = False

    @property
    def group(self) -> str:
        """Path of its group."""
        return self.path.rpartition("/")[0] or "/"

    @property
    def name(self) -> str:
        """Name within its group."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Facts:
    """What tables may ask of an archive: names of files, and XML that is parsed at its first use, once an opening.

    Parameters
    ----------
    files
        The archive.
    below
        Path of the group that is opened; tables may leave out what is neither at it, below it nor above it.
    """

    files: Archive
    below: str = "/"
    documents: Documents = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "documents", Documents(self.files))

    @property
    def name(self) -> str:
        """Name of the product's folder without suffix, as the user has it: a label, not a fact."""
        return self.files.name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files, sorted."""
        return self.files.names

    @property
    def top(self) -> tuple[str, ...]:
        """Names of the files that are in no folder."""
        return tuple(name for name in self.names if "/" not in name)


def _default_reason(context: Context) -> str:
    return "The archive lacks these files; download it again if you need them."


def _unchanged(attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    return attrs


def _no_chunks(var: Var) -> tuple[int, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Product:
    """A product in one layout: its tables.

    Parameters
    ----------
    type
        EOPF product type.
    layout
        EOPF layout version, e.g. ``"2.8"``.
    variables
        The table of variables.
    attrs
        Attributes of groups by path (``/`` for the root), look-ups among them.
    documents
        Patterns of its XML files by the names that look-ups use.
    roots
        Ends of the names of their root elements.
    elided
        Elements before and after the middle of huge documents, which is not read (see `lookups.Documents`).
    declared_files
        Look-ups of the files that the metadata name (without suffix): these must be there, and no other file of their
        kind is taken for them.
    identifiers
        Look-ups of identifiers that hold the names of the product's folders: they decide where there are several.
    optional_folders
        Folders of files that a whole product may lack; they are missed only if the manifest lists them.
    respell
        An XML file with the names of elements as they are today, from one of an older specification.
    chunks
        Shape of a variable's chunks in EOPF Zarr; empty where Zarr's own rule decides.
    data_attribute
        Attribute that data variables have and coordinates lack; "" where only a variable of its own dimension is one.
    explain_absence
        Says why files may be absent.
    finalize
        Last changes to the root attributes, for values that depend on all others (the EOPF name's checksum);
        gets the attributes and the variables that the product has.
    """

    type: str
    layout: str
    variables: tuple[Var, ...]
    attrs: Mapping[str, Mapping[str, object] | LookUp]
    documents: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    elided: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    declared_files: tuple[X, ...] = ()
    identifiers: tuple[X, ...] = ()
    optional_folders: tuple[str, ...] = ()
    respell: Callable[[bytes], bytes] | None = None
    chunks: Callable[[Var], tuple[int, ...]] = _no_chunks
    data_attribute: str = "_eopf_attrs"
    explain_absence: Callable[[Context], str] = _default_reason
    finalize: Callable[[dict[str, Any], Iterable[Var]], dict[str, Any]] = _unchanged

    def is_coordinate(self, var: Var) -> bool:
        """Return True if a variable of this product is a coordinate, not data."""
        return self.data_attribute not in var.attrs if self.data_attribute else var.dims == (var.name,)


@dataclass(frozen=True)
class ConverterDefects:
    """What ESA's converter does wrong, or notes about itself, in one layout of a product type.

    Parameters
    ----------
    truncated_labels
        Paths of variables whose labels it cuts to one character.
    filled_labels
        Those of them to which it gives a fill value, too.
    cfgrib_notes
        Groups with a note of cfgrib in ``history``, and the name of the GRIB file that the note mentions.
    """

    truncated_labels: tuple[str, ...] = ()
    filled_labels: tuple[str, ...] = ()
    cfgrib_notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GeoZarrForm:
    """What the GeoZarr form of a product type's Zarr has more, and less, than the plain form.

    Parameters
    ----------
    added
        Patterns of the paths of what it adds, by kind: ``group``, ``variable``, ``coordinate``, ``attribute``.
    dropped
        Pattern of the paths of attributes that it omits.
    """

    added: Mapping[str, re.Pattern[str]]
    dropped: re.Pattern[str]

    def adds(self, path: str, kind: str) -> bool:
        """Return True if only this form has something."""
        return kind in self.added and self.added[kind].search(path) is not None

    def drops(self, path: str, kind: str) -> bool:
        """Return True if this form omits an attribute."""
        return kind == "attribute" and self.dropped.search(path) is not None


@dataclass(frozen=True)
class ProductType:
    """A product type that is opened: how to recognise it, and its tables by layout.

    Parameters
    ----------
    name
        EOPF product type.
    title
        What people call it, for messages.
    marker
        Name of the file at the top of an archive that tells the type, for messages and reference pages.
    matches
        Tells by an archive's facts whether it is of this type.
    names
        Pattern of the beginning of product names (and of the marker), to guess by.
    layouts
        Tables by layout; functions of the archive's facts.
    collection
        Id of its collection in the STAC of the Copernicus Data Space and the EOPF Sample Service.
    true_colour
        Paths of red, green and blue at the finest resolution; empty where there is no such picture.
    true_colour_coarse
        The same at coarser resolutions, finest first.
    picture
        Path of the image to show in grey where there is no true colour, by an archive's facts.
    projected
        Whether its images are on a grid of a projected CRS.
    static
        Whether its tables are the same for all archives, so that they can be listed without one (of no facts).
    example
        Name of a product, for messages.
    reprocessed
        Pattern of product names; its groups are what the names of all processings of the same data share: their
        beginning, then other parts.
    defects
        Known defects of ESA's converter, by layout: differences that a comparison expects.
    geozarr
        What its GeoZarr form has more and less; None if there is no such form.
    """

    name: str
    title: str
    marker: str
    matches: Callable[[Facts], bool]
    names: re.Pattern[str]
    layouts: Mapping[str, Callable[[Facts], Product]]
    collection: str = ""
    true_colour: tuple[str, ...] = ()
    true_colour_coarse: tuple[tuple[str, ...], ...] = ()
    picture: Callable[[Facts], str] | None = None
    projected: bool = True
    static: bool = False
    example: str = ""
    reprocessed: re.Pattern[str] | None = None
    defects: Mapping[str, ConverterDefects] = field(default_factory=dict)
    geozarr: GeoZarrForm | None = None

    def product(self, facts: Facts, layout: str) -> Product:
        """Tables of an archive in a layout.

        Raises
        ------
        InvalidArgumentError
            If products of this type have no such layout.
        """
        if layout not in self.layouts:
            known = ", ".join(repr(name) for name in self.layouts)
            raise InvalidArgumentError(
                f"{facts.files.url}: eopf_version={layout!r} is not offered for {self.title}; its layouts are {known}."
            )
        return self.layouts[layout](facts)
