"""Sentinel-1 GRD and SLC in layout 3.0: polarisation is a dimension, a sub-product an image or burst."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import CorruptFileError, MissingElementError, MissingFileError, SafeWarning
from xarray_safe.model.arrays import Constant
from xarray_safe.model.product import Var
from xarray_safe.products.sentinel1 import metadata30, names
from xarray_safe.products.sentinel1.conditions import conditions
from xarray_safe.products.sentinel1.measurements import BURSTS, measurements
from xarray_safe.products.sentinel1.noise30 import noise_azimuth_30
from xarray_safe.products.sentinel1.pieces import Piece, attributes_30
from xarray_safe.products.sentinel1.polarised import Joined, Stacked, StackedImages
from xarray_safe.products.sentinel1.product import Found, concerns, finished, parsed_ahead, readable
from xarray_safe.products.sentinel1.quality import Kind, missing, vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xarray_safe.model.arrays import Source
    from xarray_safe.model.product import Facts, Product
    from xarray_safe.products.sentinel1.names import Image

SHARED: Final = ("conditions/attitude", "conditions/orbit")
"""Groups without a dimension of polarisation."""
POLARISATION: Final = "polarization"
DROPPED: Final = ("line", "pixel")
"""Coordinates that only layout 2.8 has."""


def layout_30(facts: Facts) -> Product:
    """Tables of an archive in layout 3.0."""
    kind = Kind(*(names.kind(facts) or ("", "")))
    base = names.base(facts)
    groups: dict[str, list[Image]] = {}
    for image in names.images(facts):
        groups.setdefault(f"{base}{_suffix(image, kind)}", []).append(image)
    wanted = {name: group for name, group in groups.items() if concerns(facts.below, f"/{name}", bursts=kind.bursts)}
    found = Found(marker="")
    with parsed_ahead(facts, [image for group in wanted.values() for image in group]):
        for name, group in wanted.items():
            _sub_product(facts, found, group, kind, name)
    assets = tuple(_assets(found).items())
    if not kind.bursts:
        for path, attrs in found.attrs.items():
            found.attrs[path] = replace(attrs, assets=assets)
    found.attrs["/"] = metadata30.Container(kind, assets)
    return finished(facts, found, kind, "3.0", data_attribute="")


def _assets(found: Found) -> dict[str, str]:
    """Path of the last data variable of each short name."""
    return {
        str(var.attrs["short_name"]): var.path
        for var in found.variables
        if "short_name" in var.attrs and var.dims != (var.name,)
    }


def _suffix(image: Image, kind: Kind) -> str:
    if kind.mode == "WV":
        return f"_{image.swath}_{image.number}"
    return f"_{image.swath}" if kind.bursts else ""


def _sub_product(facts: Facts, found: Found, group: list[Image], kind: Kind, sub: str) -> None:
    """Find variables and attributes of the images of one swath or vignette."""
    by_number = kind.bursts or kind.mode == "WV"
    read = [
        (image, pieces)
        for candidate in sorted(group, key=lambda image: image.number if by_number else image.polarisation)
        if (result := _pieces(facts, found, candidate, kind, sub))
        for image, pieces in [result]
    ]
    if not read:
        return
    images = [image for image, _ in read]
    last = max(images, key=lambda image: image.number)
    labels = _labels(facts, [image.polarisation for image in images])
    shared = list(_merge([pieces for _, pieces in read], labels))
    bursts = facts.documents.file(last.annotation).findall(BURSTS) if kind.bursts else []
    numbers: Sequence[int | None] = range(len(bursts)) if kind.bursts else [None]
    for number in numbers:
        burst = None if number is None else bursts[number].findtext("burstId") or number
        name = sub if burst is None else f"{sub}_{burst}"
        if concerns(facts.below, f"/{name}", bursts=False):
            own = _merge([list(measurements(image, kind, number)) for image in images], labels)
            for piece in (*shared, *own):
                attrs = _described(piece, kind)
                found.variables.append(Var(f"/{name}/{piece.path}", piece.source, piece.dims, attrs, piece.optional))
            found.attrs[f"/{name}"] = metadata30.SubProduct(last, kind, labels, number, burst)


def _pieces(facts: Facts, found: Found, image: Image, kind: Kind, sub: str) -> tuple[Image, list[Piece]] | None:
    """Pieces of one image but its measurement; None, noted, if its annotation is missing or damaged."""
    documents = facts.documents
    path = f"/{sub}/measurements/{kind.type.lower()}"
    if not image.annotation:
        found.absent(path, f"annotation/{image.stem}.xml is missing")
        return None
    try:
        documents.file(image.annotation)
        whole = readable(facts, found, image)
        pieces = [
            *conditions(whole, documents, kind.type),
            *vectors(whole, documents, kind),
            *noise_azimuth_30(whole, documents),
        ]
        for name, paths in missing(whole, documents).items():
            for lost in paths:
                found.absent(f"/{sub}/{lost}", f"{name} is missing or holds no vectors")
    except (CorruptFileError, MissingFileError, MissingElementError) as error:
        found.absent(path, str(error).removeprefix(f"{facts.files.url}: "))
        return None
    return whole, pieces


def _labels(facts: Facts, present: list[str]) -> tuple[str, ...]:
    """Labels of polarisations, in the order of the manifest.

    The converter does not bring the images into that order: of a VV and VH product it labels VH as VV and the other
    way round. The tree has to be EOPF Zarr's, so it has that too, and a warning says it.
    """
    root = facts.documents.file("manifest.safe")
    stated = [str(element.text).strip() for element in root.iterfind(".//transmitterReceiverPolarisation")]
    labels = tuple(stated) if sorted(stated) == sorted(present) else tuple(present)
    if list(labels) != present:
        swapped = ", ".join(f"{label!r} holds {image}" for label, image in zip(labels, present, strict=True))
        warnings.warn(
            f"{facts.files.url}: layout 3.0 of ESA's converter labels polarisations wrongly, and so does this tree: "
            f"{swapped}. Layout 2.8 (the default) has them right.",
            SafeWarning,
            stacklevel=2,
        )
    return labels


def _merge(pieces: list[list[Piece]], labels: tuple[str, ...]) -> Iterable[Piece]:
    """Pieces of several images as pieces with a dimension of polarisation."""
    by_path: dict[str, list[Piece]] = {}
    for own in pieces:
        for piece in own:
            by_path.setdefault(piece.path, []).append(piece)
    whole = {path: group for path, group in by_path.items() if len(group) == len(pieces)}
    polarised: dict[str, None] = {}
    for path, group in whole.items():
        parent, _, name = path.rpartition("/")
        first = group[0]
        sources = tuple(piece.source for piece in group)
        if name in DROPPED:
            continue
        if not first.coordinates:
            yield replace(first, source=Joined(sources))
            continue
        axes = tuple(_axes(whole.get(f"{parent}/{dim}")) for dim in first.dims)
        if parent in SHARED:
            yield replace(first, source=Stacked(sources, axes, first=True))
            continue
        source: Source = StackedImages(sources) if parent == "measurements" else Stacked(sources, axes)
        polarised[parent] = None
        yield replace(first, source=source, dims=(POLARISATION, *first.dims))
    for parent in polarised:
        yield Piece(f"{parent}/{POLARISATION}", Constant(labels, "U2"), (POLARISATION,))


def _axes(group: list[Piece] | None) -> tuple[Source, ...]:
    return tuple(piece.source for piece in group) if group and not group[0].coordinates else ()


def _described(piece: Piece, kind: Kind) -> dict[str, Any]:
    """Raw attributes; and the words in which the mappings of 3.0 differ from those of 2.8."""
    attrs = attributes_30(piece)
    if piece.path == "conditions/antenna_pattern/swath":
        attrs["long_name"] = "swath"
    if piece.path == "conditions/coordinate_conversion/sr0" and kind.mode == "IW":
        attrs["short_name"] = "slant_range_time"
    if piece.path == "measurements/slc" and kind.mode == "SM":
        attrs["long_name"] = "measurement data set for SLC SM"
    return attrs
