"""What the Copernicus Data Space knows about a product: its OData catalogue, which needs no login."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xarray_safe.access import http
from xarray_safe.access.errors import ServerFailedError, UnknownProductError
from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from xarray_safe.access.http import Limits

_NAME = re.compile(r"[A-Za-z0-9_.-]{5,200}")
_EOPF_NAME = re.compile(r"S0\d[A-Z0-9]{3,}_\d{8}T\d{6}_")
_ID = re.compile(r"[0-9a-fA-F-]{8,64}")


@dataclass(frozen=True)
class ProductInfo:
    """A product in a catalogue.

    Parameters
    ----------
    name
        With its ending, ``.SAFE``, if the catalogue has it so.
    id
        The catalogue's own (a UUID); None if not given.
    s3_path
        Bucket and key, ``/eodata/…/….SAFE``. It cannot be derived from the name.
    size
        Bytes of the download; None if not known.
    checksums
        Of the download, hexadecimal, by method: ``MD5``, ``BLAKE3``. May be empty.
    online
        Whether it is available at once; None if not known.
    sensing
        When sensing started (ISO 8601).
    cloud_cover
        In percent.
    """

    name: str
    id: str | None
    s3_path: str
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    online: bool | None = None
    sensing: str | None = None
    cloud_cover: float | None = None

    @property
    def url(self) -> str:
        """Return the place in the object store, for ``engine="safe"``: ``s3://eodata/…``."""
        return "s3://" + self.s3_path.lstrip("/")


def product_name(text: str) -> str:
    """Return the name of a product without ``.SAFE``, from its name, its Zarr's name, or a path or URL of either.

    Raises
    ------
    InvalidArgumentError
        It is not a name, or one of the EOPF's own names, which lack the tile.
    """
    last = text.strip().rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    name = re.sub(r"(?i)(\.SAFE)?(\.zip)?$|\.zarr$|\.zarr\.zip$", "", last)
    if _EOPF_NAME.match(name):
        raise InvalidArgumentError(
            f"{name} is an EOPF name, which does not say which tile it is; give the product's own name, such as "
            f"{_example()}."
        )
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(f"{text!r} is not the name of a product, such as {_example()}.")
    return name


def find(session: requests.Session, odata: str, name: str, limits: Limits) -> ProductInfo:
    """Find a product by name in the OData catalogue.

    Parameters
    ----------
    odata
        URL of the service.
    name
        See `product_name`.

    Raises
    ------
    UnknownProductError
        There is no such product; the error names others of the same tile and time, since reprocessing changes names.
    """
    wanted = product_name(name)
    full = wanted if "." in wanted else f"{wanted}.SAFE"
    found = _ask(session, odata, f"Name eq '{full}'", limits)
    if not found and full != wanted:  # some names in the catalogue have no ending
        found = _ask(session, odata, f"Name eq '{wanted}'", limits)
    if not found:
        raise UnknownProductError(f"The catalogue has no product {full}.{_others(session, odata, wanted, limits)}")
    # the same product may be listed twice: take what can be had, then what was published last
    best = max(found, key=lambda entry: (bool(entry.get("Online")), str(entry.get("PublicationDate") or "")))
    return _info(best)


def _ask(session: requests.Session, odata: str, condition: str, limits: Limits) -> list[dict[str, Any]]:
    params = {"$filter": condition, "$top": "20"}
    response, body = http.get(session, f"{odata}/Products", params=params, limits=limits)
    answer = http.get_json(response, body, "a search")
    entries = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ServerFailedError(f"{http.host_of(odata)} does not answer a search with a list of products.")
    return entries


def _others(session: requests.Session, odata: str, name: str, limits: Limits) -> str:
    """Name other processings of the data of a product, if its name tells which these are."""
    parts = next((found for pattern in _reprocessed() if (found := pattern.match(name))), None)
    if parts is None:
        return " Check the name."
    first, *others = parts.groups()
    condition = " and ".join([f"startswith(Name,'{first}')", *(f"contains(Name,'_{part}_')" for part in others)])
    names = sorted(str(entry.get("Name")) for entry in _ask(session, odata, condition, limits))
    if not names:
        return " Nor has it another version of that place and time; check the name."
    return f" It may have been reprocessed; there is {', '.join(names[:5])}."


def _reprocessed() -> list[re.Pattern[str]]:
    """Patterns of names of which other processings can be found."""
    from xarray_safe.products import TYPES

    return [product_type.reprocessed for product_type in TYPES if product_type.reprocessed is not None]


def _example() -> str:
    """Name of a product, for messages."""
    from xarray_safe.products import TYPES

    return next(product_type.example for product_type in TYPES if product_type.example)


def _info(entry: Mapping[str, Any]) -> ProductInfo:
    try:
        name, identity, path = str(entry["Name"]), str(entry["Id"]), str(entry["S3Path"])
        size = int(entry.get("ContentLength") or 0)
        start = (entry.get("ContentDate") or {}).get("Start")
        sums = {
            str(given["Algorithm"]).upper(): str(given["Value"]).lower()
            for given in entry.get("Checksum") or []
            if given and given.get("Value")
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ServerFailedError("The catalogue describes the product in a way that we do not understand.") from None
    if not _NAME.fullmatch(name) or not _ID.fullmatch(identity) or not path.startswith("/"):
        raise ServerFailedError(
            f"The catalogue gives a name, id or path that is not one: {name!r}, {identity!r}, {path!r}."
        )
    return ProductInfo(name, identity, path, size or None, sums, bool(entry.get("Online")), start)
