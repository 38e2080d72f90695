"""What a STAC item may decide: which places it names, which options and keywords of it are used. The only such rules.

An item is a stranger's text. It may say where a product is in the web or in an object store; it may not choose the
program that reads it, files of this machine, other people's secrets, or who receives credentials.
See `docs/security.md`.
"""

from __future__ import annotations

import os
import re
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import SafeWarning
from xarray_safe.net.trust import COPERNICUS, HostAllowList, plain_origin
from xarray_safe.net.urls import URL, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SCHEMES: Final = frozenset({"https", "http", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""Schemes that any item may name."""
_LOCAL_SCHEMES: Final = SCHEMES | {"memory"}
"""Schemes that an item may name that names nothing but local places."""
_IPV6 = re.compile(r"\Ahttps?://\[[0-9a-f:.]+\]", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_TIMEOUT = 600
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ENDPOINTS = HostAllowList((COPERNICUS,))
"""Object stores that may be asked with the caller's login although an item names them."""


def is_allowed(url: str, *, local: bool = False) -> bool:
    """Return True if an item may name a place.

    Parameters
    ----------
    url
        The place, absolute; a URL of one of `SCHEMES`, never a chain of fsspec's (``a::b``).
    local
        Whether the item is local, see `is_local`: then it may also be an absolute path.
    """
    if _CONTROL.search(url) or "::" in _IPV6.sub("", url):
        return False
    if _SCHEME.match(url):
        return URL.match(url) is not None and scheme_of(url) in (_LOCAL_SCHEMES if local else SCHEMES)
    shared = url[:2].replace("\\", "/") == "//"  # on Windows, another machine, which would be sent the user's login
    return local and os.path.isabs(url) and not shared


def is_local(item: Mapping[str, Any], home: str = "") -> bool:
    """Return True if an item names nothing on other machines, as one of a local folder; never if it was fetched.

    Parameters
    ----------
    item
        As in its JSON.
    home
        URL that it was fetched from; "" if the caller gave it as an object.
    """
    return not home and not any(_SCHEME.match(href) and scheme_of(href) != "memory" for href in _hrefs(item))


def base_of(item: Mapping[str, Any], home: str = "") -> str:
    """Return the URL that an item's relative URLs refer to: its own if it is in the web, else `home`; "" for none."""
    own = _own_url(item)
    return own if own is not None and scheme_of(own) in SCHEMES and is_allowed(own) else home


def pick_storage_options(given: object, label: str) -> dict[str, Any]:
    """Return those of an item's storage options that are harmless; a warning names the others.

    An object store that an item names is asked without a login, unless it is one of the Copernicus Data Space: keys
    are for the hosts that the caller names. Options are returned as s3fs spells them.

    Parameters
    ----------
    given
        ``xarray:storage_options`` of the item.
    label
        Name of the item, for the warning.
    """
    found: dict[str, Any] = {}
    for name, value in _pick(given, STORAGE_OPTIONS, label, "storage option").items():
        if name in _REGION_NAMES:
            found["client_kwargs"] = {"region_name": value, **found.get("client_kwargs", {})}
        elif name == "client_kwargs":
            found[name] = {**found.get(name, {}), **value}
        else:
            found[_OBSTORE.get(name, name)] = value
    endpoints = (found.get("endpoint_url"), found.get("client_kwargs", {}).get("endpoint_url"))
    if any(endpoint is not None and not _ENDPOINTS.allows(endpoint) for endpoint in endpoints):
        found["anon"] = True
    return found


def pick_keywords(given: object, label: str) -> dict[str, Any]:
    """Return those of an item's keywords of `xarray.open_datatree` that are harmless; a warning names the others."""
    return _pick(given, KEYWORDS, label, "keyword")


def as_mapping(value: object) -> dict[str, Any]:
    """Return what an item says if it is a JSON object, else an empty one."""
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}


def _pick(given: object, allowed: Mapping[str, Callable[[Any], bool]], label: str, what: str) -> dict[str, Any]:
    options = as_mapping(given)
    found = {name: value for name, value in options.items() if name in allowed and allowed[name](value)}
    ignored = sorted(options.keys() - found.keys())
    if ignored:
        names = ", ".join(repr(name[:40]) for name in ignored[:10]) + (", …" if len(ignored) > 10 else "")
        warnings.warn(
            f"the STAC item {label[:100]} gives the {what}s {names}, which are ignored: an item may not choose them; "
            f"give them yourself if you want them",
            SafeWarning,
            stacklevel=2,
        )
    return found


def _hrefs(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield all places that an item names: its own, and those of its assets and of their copies."""
    own = _own_url(item)
    if own is not None:
        yield own
    for asset in as_mapping(item.get("assets")).values():
        fields = as_mapping(asset)
        for copy in (fields, *map(as_mapping, as_mapping(fields.get("alternate")).values())):
            if isinstance(copy.get("href"), str):
                yield copy["href"]


def _own_url(item: Mapping[str, Any]) -> str | None:
    """Return the URL that an item gives for itself, if it does."""
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("href"), str):
            return str(link["href"])
    return None


def _is_flag(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _is_timeout(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_TIMEOUT


def _is_endpoint(value: object) -> bool:
    return isinstance(value, str) and plain_origin(value) is not None and not re.search(r"[{}\s@\\]", value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_client(value: object) -> bool:
    return isinstance(value, dict) and all(name in _CLIENT and _CLIENT[name](one) for name, one in value.items())


def _is_length(value: object) -> bool:
    return value in (None, "auto") or (isinstance(value, int) and not isinstance(value, bool) and value >= -1)


def _is_chunks(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_name(name) and _is_length(length) for name, length in value.items())
    return _is_length(value)


def _is_format(value: object) -> bool:
    return value is None or (value in (2, 3) and not isinstance(value, bool))


def _are_names(value: object) -> bool:
    return value is None or _is_name(value) or (isinstance(value, list) and all(map(_is_name, value)))


_OBSTORE: Final = MappingProxyType(
    {
        **dict.fromkeys(("endpoint", "aws_endpoint", "aws_endpoint_url"), "endpoint_url"),
        **dict.fromkeys(("skip_signature", "aws_skip_signature"), "anon"),
        **dict.fromkeys(("request_payer", "aws_request_payer"), "requester_pays"),
    }
)
"""Names of s3fs for those of obstore."""
_REGION_NAMES: Final = ("region", "aws_region")
_CHECKS: Final = MappingProxyType({"endpoint_url": _is_endpoint, "anon": _is_flag, "requester_pays": _is_flag})
_CLIENT: Final = MappingProxyType({"endpoint_url": _is_endpoint, "region_name": _is_name})
STORAGE_OPTIONS: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        **_CHECKS,
        **{name: _CHECKS[ours] for name, ours in _OBSTORE.items()},
        **dict.fromkeys(_REGION_NAMES, _is_name),
        "client_kwargs": _is_client,
        "timeout": _is_timeout,
    }
)
"""Storage options that an item may give, as s3fs and obstore spell them, each with what is right for it: endpoint,
region, anonymous, requester pays, and seconds to wait."""
KEYWORDS: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "chunks": _is_chunks,
        **dict.fromkeys(
            (
                "mask_and_scale", "decode_times", "decode_timedelta", "use_cftime", "concat_characters",
                "decode_coords", "decode_cf", "consolidated", "create_default_indexes", "use_zarr_fill_value_as_mask",
            ),
            _is_flag,
        ),
        "zarr_format": _is_format,
        "zarr_version": _is_format,
        "drop_variables": _are_names,
    }
)  # fmt: skip
"""Keywords of `xarray.open_datatree` that an item may give, each with what is right for it."""
