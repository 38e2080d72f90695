"""Sentinel-1 GRD and SLC in layout 2.8: a container with a sub-product a polarisation, burst or vignette."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import AbsentFileError, CorruptFileError, MissingElementError, MissingFileError
from xarray_safe.model.product import Product, Var
from xarray_safe.model.tree import is_below
from xarray_safe.products.sentinel1 import metadata, names, stac
from xarray_safe.products.sentinel1.conditions import conditions
from xarray_safe.products.sentinel1.measurements import BURSTS, burst_info, measurements
from xarray_safe.products.sentinel1.pieces import attributes_28
from xarray_safe.products.sentinel1.quality import Kind, missing, noise_azimuth_28, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xarray_safe.model.arrays import Array, Context
    from xarray_safe.model.product import Facts
    from xarray_safe.products.sentinel1.names import Image
    from xarray_safe.products.sentinel1.pieces import Piece

DOCUMENTS: Final = {"manifest": "manifest.safe"}
ROOTS: Final = {"manifest": "XFDU"}
ALL: Final = 1 << 31
"""Length of a chunk that is as long as the dimension."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A variable whose file is not there, or damaged."""

    why: str

    def open(self, context: Context) -> Array:
        """Raise that it is absent."""
        raise AbsentFileError(f"{context.files.url}: {self.why}")


@dataclass
class Found:
    """What tables find out about an archive: variables, attributes, and what is wrong with its files."""

    variables: list[Var] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    marker: str = "_eopf_attrs"
    """Attribute by which data are told from coordinates; "" where their dimensions do that."""

    def explain(self, context: Context) -> str:
        """Return why variables are absent."""
        listed = "; ".join(dict.fromkeys(self.faults))
        return f"{listed or 'The archive lacks their files'}. Download the product again if you need them."

    def absent(self, path: str, why: str) -> None:
        """Note a variable that cannot be had."""
        self.faults.append(why)
        self.variables.append(Var(path, Absent(why), (), {self.marker: {}} if self.marker else {}, optional=True))


def layout_28(facts: Facts) -> Product:
    """Tables of an archive in layout 2.8."""
    kind = Kind(*(names.kind(facts) or ("", "")))
    base = names.base(facts)
    images = names.images(facts)
    found = Found()
    wanted = [image for image in images if concerns(facts.below, f"/{base}{suffix(image, kind)}", bursts=kind.bursts)]
    subs: list[str] = []
    with parsed_ahead(facts, wanted):
        for image in wanted:
            subs += _image(facts, found, image, kind, f"{base}{suffix(image, kind)}")
    found.attrs["/"] = metadata.container(kind, subs)
    return finished(facts, found, kind, "2.8")


def finished(facts: Facts, found: Found, kind: Kind, layout: str, **more: Any) -> Product:
    """Product of what was found.

    Raises
    ------
    CorruptFileError
        If no image can be opened at all.
    """
    if found.faults and all(isinstance(var.source, Absent) for var in found.variables):
        raise CorruptFileError(f"{facts.files.url}: {'; '.join(dict.fromkeys(found.faults))}. Download it again.")
    return Product(
        type=stac.type_of(kind),
        layout=layout,
        variables=tuple(found.variables),
        attrs=found.attrs,
        documents=DOCUMENTS,
        roots=ROOTS,
        chunks=chunks_of(kind),
        explain_absence=found.explain,
        **more,
    )


def picture(facts: Facts) -> str:
    """Path of the image to show: that of the first file; of SLC in bursts, the first burst."""
    kind = Kind(*(names.kind(facts) or ("", "")))
    first = names.images(facts)[0]
    sub = f"/{names.base(facts)}{suffix(first, kind)}"
    if kind.bursts:
        sub += f"_{facts.documents.file(first.annotation).findtext(f'{BURSTS}/burstId') or 0}"
    return f"{sub}/measurements/{kind.type.lower()}"


def suffix(image: Image, kind: Kind) -> str:
    """What the name of an image's sub-products has behind the base."""
    parts = f"_{image.polarisation}"
    if kind.mode == "WV":
        return f"{parts}_{image.swath}_{image.number}"
    return f"{parts}_{image.swath}" if kind.bursts else parts


def concerns(below: str, path: str, *, bursts: bool) -> bool:
    """Return True if a group that is asked for is a sub-product of this path, in it, or above it."""
    return is_below(path, below) or is_below(below, path) or (bursts and below.startswith(f"{path}_"))


@contextmanager
def parsed_ahead(facts: Facts, images: Sequence[Image]) -> Iterator[None]:
    """While this lasts, the XML files of images are at hand: a remote archive fetches all at once."""
    files = ["manifest.safe", *(name for image in images for name in image.documents)]
    with facts.files.prefetch([(name, 0, None) for name in files]):
        facts.documents.file("manifest.safe")
        yield


def _image(facts: Facts, found: Found, image: Image, kind: Kind, sub: str) -> list[str]:
    """Find variables and attributes of one image; return the names of its sub-products."""
    documents = facts.documents
    image_path = f"/{sub}/measurements/{kind.type.lower()}"
    if not image.annotation:
        found.absent(image_path, f"annotation/{image.stem}.xml is missing")
        return []
    try:
        root = documents.file(image.annotation)
        image = readable(facts, found, image)
        pieces = [
            *conditions(image, documents, kind.type),
            *vectors(image, documents, kind),
            *noise_azimuth_28(image, documents, kind),
        ]
        for name, paths in missing(image, documents).items():
            for path in paths:
                found.absent(f"/{sub}/{path}", f"{name} is missing or holds no vectors")
    except (CorruptFileError, MissingFileError, MissingElementError) as error:
        found.absent(image_path, str(error).removeprefix(f"{facts.files.url}: "))
        return []
    if not kind.bursts:
        _add(found, sub, [*pieces, *measurements(image, kind)])
        found.attrs[f"/{sub}"] = metadata.SubProduct(image, kind)
        return [sub]
    subs = []
    for number, element in enumerate(root.findall(BURSTS)):
        burst = element.findtext("burstId") or number
        name = f"{sub}_{burst}"
        subs.append(name)
        if concerns(facts.below, f"/{name}", bursts=False):
            own = [*measurements(image, kind, number), *burst_info(image, number)]
            _add(found, name, [*pieces, *own])
            found.attrs[f"/{name}"] = metadata.SubProduct(image, kind, number, burst)
    if not subs:
        found.absent(image_path, f"{image.annotation} lists no bursts")
    return subs


def readable(facts: Facts, found: Found, image: Image) -> Image:
    """Image without those of its lesser files that are damaged; what they would hold becomes absent."""
    for key in ("calibration", "noise", "rfi"):
        name = getattr(image, key)
        if name:
            try:
                facts.documents.file(name)
            except (CorruptFileError, MissingFileError) as error:
                found.faults.append(str(error).removeprefix(f"{facts.files.url}: "))
                image = replace(image, **{key: ""})
    return image


def _add(found: Found, sub: str, pieces: Sequence[Piece]) -> None:
    """Variables of a sub-product in layout 2.8."""
    for piece in pieces:
        attrs = attributes_28(piece)
        found.variables.append(Var(f"/{sub}/{piece.path}", piece.source, piece.dims, attrs, piece.optional))


def chunks_of(kind: Kind) -> Any:
    """Chunks of EOPF Zarr: of images; other variables are one chunk."""

    def chunks(var: Var) -> tuple[int, ...]:
        if kind.type == "OCN" or not var.group.endswith("/measurements") or len(var.dims) < 2:
            return ()
        image = (ALL if kind.bursts else 2048, 4096)
        return (1,) * (len(var.dims) - 2) + image

    return chunks
