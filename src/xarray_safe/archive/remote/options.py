"""`storage_options`, split once: what of them is for which store.

A flat dict is for one store, the product's. Where two stores are involved (a STAC item on a web server whose assets
are in an object store, a chain of URLs), options for both are given by scheme: ``{"https": {…}, "s3": {…}}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Mapping

WEB_CREDENTIALS = frozenset({"headers", "cookies", "auth", "params", "token", "trusted_hosts", "ssl"})
"""What `HttpStore` itself reads. A flat dict with one of these, and without an access key, is for a web server."""

_FAMILIES = {"http": "web", "https": "web", "s3": "s3", "s3a": "s3"}


@dataclass(frozen=True)
class StoreOptions:
    """Storage options, split.

    Parameters
    ----------
    given
        As the user gave them.
    flat
        Those that are not below a scheme.
    sections
        Those below the schemes of web servers (``"web"``) and of object stores (``"s3"``).
    """

    given: Mapping[str, Any]
    flat: Mapping[str, Any]
    sections: Mapping[str, Mapping[str, Any]]

    @classmethod
    def split(cls, given: Mapping[str, Any]) -> StoreOptions:
        """Split options."""
        nested = {name: value for name, value in given.items() if name in _FAMILIES and isinstance(value, dict)}
        sections: dict[str, dict[str, Any]] = {}
        for scheme, options in nested.items():
            sections.setdefault(_FAMILIES[scheme], {}).update(options)
        return cls(given, {name: value for name, value in given.items() if name not in nested}, sections)

    @property
    def prefers_web(self) -> bool:
        """Whether they are for web servers alone: of two copies of a product, they choose the one over HTTPS."""
        web = self._flat_is_for_web or "web" in self.sections
        return web and "s3" not in self.sections and (self._flat_is_for_web or not self.flat)

    def of_store(self, url: str) -> dict[str, Any]:
        """Return the options for the only store: all flat ones, and over them those below its scheme.

        Parameters
        ----------
        url
            URL of the store. fsspec sorts the options of chains and of schemes that only it knows.
        """
        family = _FAMILIES.get(scheme_of(url))
        return {**self.flat, **self.sections.get(family, {})} if family else dict(self.given)

    def of_asset(self, url: str) -> dict[str, Any]:
        """Return the options for the store of a STAC item's assets: not those of a web server if it is another kind."""
        foreign = self._flat_is_for_web and _FAMILIES.get(scheme_of(url)) == "s3"
        return dict(self.sections.get("s3", {})) if foreign else self.of_store(url)

    def of_item(self, url: str) -> dict[str, Any]:
        """Return the options for the web server of a STAC item: none that may be those of an object store."""
        return self.of_store(url) if self._flat_is_for_web else dict(self.sections.get("web", {}))

    @property
    def _flat_is_for_web(self) -> bool:
        client = self.flat.get("client_kwargs")
        names = {*self.flat, *(client if isinstance(client, dict) else ())}
        return bool(names & WEB_CREDENTIALS) and not names & {"key", "secret"}


@dataclass(frozen=True)
class S3Options:
    """The options of s3fs that say where an object store is and who asks; for stores that s3fs does not open."""

    endpoint: str | None
    region: str | None
    key: str | None
    secret: str | None
    token: str | None
    anon: bool

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> S3Options:
        """Read them.

        Raises
        ------
        InvalidArgumentError
            ``client_kwargs`` is not a mapping.
        """
        client = as_dict("client_kwargs", options.get("client_kwargs"))
        return cls(
            endpoint=options.get("endpoint_url") or client.get("endpoint_url"),
            region=client.get("region_name"),
            key=options.get("key"),
            secret=options.get("secret"),
            token=options.get("token"),
            anon=bool(options.get("anon")),
        )


def as_dict(name: str, value: object) -> dict[str, Any]:
    """Return a storage option that must be a mapping, or a list of pairs; empty if it is not given.

    Raises
    ------
    InvalidArgumentError
        It is something else.
    """
    try:
        return dict(value or {})  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"the storage option {name!r} must be a dict, not a {type(value).__name__}"
        ) from None
