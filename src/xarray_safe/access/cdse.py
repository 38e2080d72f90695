"""The Copernicus Data Space Ecosystem: one object for login, search, download and the object store."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

from platformdirs import user_state_path

from xarray_safe.access import download, http, stac
from xarray_safe.access import odata as catalogue
from xarray_safe.access.credentials import LoginSource, Secret, StorageOptions, find_s3_keys, s3_options, secret_totp
from xarray_safe.access.errors import AccessError, ProductOfflineError, UnknownProductError
from xarray_safe.access.http import Limits
from xarray_safe.access.session import LoginSession
from xarray_safe.access.tokens import TokenStore
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.trust import HostAllowList
from xarray_safe.runtime import settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from requests import Response

    from xarray_safe.access.odata import ProductInfo

_CLIENT = "cdse-public"
_CONNECTIONS = 4
"""Downloads at a time that the Data Space allows."""


@dataclass(frozen=True)
class Endpoints:
    """Where the services are.

    Parameters
    ----------
    token
        The identity server's token endpoint.
    odata, download, stac
        The catalogue, the downloads and the STAC API.
    s3, region
        The object store.
    hosts
        Which hosts may receive the bearer token (`HostAllowList`).
    """

    token: str = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
    odata: str = "https://catalogue.dataspace.copernicus.eu/odata/v1"
    download: str = "https://download.dataspace.copernicus.eu/odata/v1"
    stac: str = "https://stac.dataspace.copernicus.eu/v1"
    s3: str = "https://eodata.dataspace.copernicus.eu"
    region: str = "default"
    hosts: tuple[str, ...] = ("https://*.dataspace.copernicus.eu",)

    @classmethod
    def at(cls, base: str) -> Endpoints:
        """Return the services of a mirror, or a stand-in, that has all of them below one URL."""
        base = base.rstrip("/")
        return cls(
            token=f"{base}/auth/realms/CDSE/protocol/openid-connect/token",
            odata=f"{base}/odata/v1",
            download=f"{base}/odata/v1",
            stac=f"{base}/stac",
            s3=base,
            hosts=(base,),
        )


class CDSE:
    """The Copernicus Data Space: find, fetch and open products.

    Nothing is asked of the network, or of the user, before it is needed; finding needs no login.

    Parameters
    ----------
    username, password
        By default ``CDSE_USERNAME`` and ``CDSE_PASSWORD``, ``~/.netrc``, a token that another process has left, or a
        prompt in a terminal.
    totp
        For accounts with two-factor authentication: the code of this minute, or a function that gives it; by default
        ``CDSE_TOTP``.
    s3_key, s3_secret
        Keys of the object store; by default ``CDSE_S3_ACCESS_KEY`` and ``CDSE_S3_SECRET_KEY``, or those of AWS.
    keep_token
        Whether processes share one login, through a file of mode 0600 in the user's state folder. By default yes,
        unless ``XARRAY_SAFE_KEEP_TOKEN=0``.
    state_folder
        Where that file is stored.
    prompt
        Whether to ask in a terminal for missing credentials.
    endpoints
        Where the services are; by default ``XARRAY_SAFE_CDSE_URL`` (a mirror that has all of them), or the real ones.
    limits
        How long to wait, how often to try.

    Examples
    --------
    >>> cdse = CDSE()  # doctest: +SKIP
    >>> path = cdse.download("S2A_MSIL2A_20250503T103701_N0511_R008_T32UNE_20250503T173316")  # doctest: +SKIP
    >>> tree = xr.open_datatree(path, engine="safe")  # doctest: +SKIP
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        totp: str | Callable[[], str] | None = None,
        *,
        s3_key: str | None = None,
        s3_secret: str | None = None,
        keep_token: bool | None = None,
        state_folder: str | os.PathLike[str] | None = None,
        prompt: bool = True,
        endpoints: Endpoints | None = None,
        limits: Limits | None = None,
    ) -> None:
        base = settings().cdse_url
        self.endpoints = endpoints or (Endpoints.at(base) if base else Endpoints())
        self.limits = limits or Limits()
        self._s3 = tuple(Secret(text) if text else None for text in (s3_key, s3_secret))
        if keep_token is None:
            keep_token = settings().keep_token
        folder = Path(state_folder) if state_folder else user_state_path("xarray-safe", appauthor=False)
        self._keeps = keep_token
        host = urlsplit(self.endpoints.token).hostname or ""
        self._session = LoginSession(
            self.endpoints.token,
            _CLIENT,
            LoginSource(
                username,
                Secret(password) if password else None,
                secret_totp(totp),
                (host, "dataspace.copernicus.eu"),
                prompt,
            ),
            TokenStore(folder, self.endpoints.token) if keep_token else None,
            HostAllowList(self.endpoints.hosts),
            self.limits,
        )
        self._plain = http.PlainSession()
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)

    def login(self) -> str:
        """Log in now (or use an existing login) and return the user's name.

        Raises
        ------
        LoginFailedError, TwoFactorNeededError
            There is no login, or it is refused.
        """
        return self._session.login()

    def logout(self) -> None:
        """End the login at the server, and forget its token."""
        self._session.close(logout=True)

    def find(self, name: str, *, via: str = "odata") -> ProductInfo:
        """Find a product by name.

        Parameters
        ----------
        name
            Of the product, with or without ``.SAFE``, or of its Zarr twin; a path or URL of either will do.
        via
            Which catalogue to ask: ``"odata"`` or ``"stac"``.

        Raises
        ------
        UnknownProductError
            There is no product of this name.
        """
        if via == "odata":
            return catalogue.find(self._plain, self.endpoints.odata, name, self.limits)
        if via != "stac":
            raise InvalidArgumentError(f'via={via!r} is neither "odata" nor "stac".')
        wanted = catalogue.product_name(name)
        items = stac.search(self.endpoints.stac, self.limits, ids=[wanted], collections=_collections(wanted), limit=2)
        if not items:
            raise UnknownProductError(f"The STAC catalogue has no product {wanted}. Check the name, or ask via OData.")
        return stac.info(items[0])

    def search(
        self,
        collection: str,
        *,
        bbox: Sequence[float] | None = None,
        intersects: Mapping[str, Any] | None = None,
        datetime: str | None = None,
        cloud_cover: float | None = None,
        limit: int = 100,
    ) -> list[ProductInfo]:
        """Search products by place, time and clouds.

        Parameters
        ----------
        collection
            Of the STAC catalogue, e.g. ``sentinel-2-l2a``.
        bbox
            West, south, east, north in degrees.
        intersects
            GeoJSON geometry.
        datetime
            An instant or interval, e.g. ``2025-05-01/2025-05-31``.
        cloud_cover
            Maximum percent.
        limit
            Maximum number of products.
        """
        items = stac.search(
            self.endpoints.stac,
            self.limits,
            collections=[collection],
            bbox=bbox,
            intersects=intersects,
            datetime=datetime,
            cloud_cover=cloud_cover,
            limit=limit,
        )
        return [stac.info(item) for item in items]

    def size(self, name: str) -> int:
        """Bytes of a product's download, as the catalogue has it.

        Raises
        ------
        AccessError
            The catalogue does not know.
        """
        found = self.find(name)
        if found.size is None:
            raise AccessError(f"The catalogue does not know the size of {found.name}; try size({found.url!r}, …).")
        return found.size

    def url(self, name: str) -> str:
        """Place of a product in the object store, to open it without a download: ``s3://eodata/…/….SAFE``."""
        return self.find(name).url

    def storage_options(self) -> StorageOptions:
        """Options for ``xr.open_datatree(cdse.url(name), engine="safe", storage_options=…)``, keys among them.

        Raises
        ------
        LoginFailedError
            There are no S3 keys. (They are not those of the login; the error says where they are made.)
        """
        return s3_options(self.endpoints.s3, self.endpoints.region, find_s3_keys(self._s3[0], self._s3[1]))

    def download(
        self,
        name: str | ProductInfo,
        folder: str | os.PathLike[str] = ".",
        *,
        progress: bool | None = None,
        verify: bool = True,
        overwrite: bool = False,
    ) -> Path:
        """Download a product as the zip that it comes in; ``engine="safe"`` opens it as it is.

        What is there already is not fetched again; what broke off is gone on with; however many threads or processes
        ask for a product, it is fetched once.

        Parameters
        ----------
        name
            Of the product, or the result of `find`.
        folder
            Where to put it.
        progress
            Whether to show a bar; by default if standard error is a terminal.
        verify
            Whether to check all files against the product's manifest (the catalogue's checksum is always checked).
        overwrite
            Whether to download the product although it is there: as ``….SAFE.zip``, ``….zip`` or unpacked.

        Returns
        -------
        Path
            Of the zip, ``….SAFE.zip``, or of the product that was there.

        Raises
        ------
        UnknownProductError, ProductOfflineError, QuotaReachedError, DiskFullError, LoginFailedError, ServerFailedError
            It is not available.
        CorruptFileError
            What came is damaged; it is deleted. What opens and passes the checksums of its own zip is kept, with a
            `SafeWarning` if the catalogue or the manifest says otherwise.
        """
        wanted = name if isinstance(name, str) else name.name
        target = download.target_of(Path(folder), catalogue.product_name(wanted))
        there = None if overwrite else download.existing(target)
        if there:
            return there
        info = self.find(name) if isinstance(name, str) else name
        if info.online is False:
            raise ProductOfflineError(
                f"{info.name} is offline: it is on tape. Order it on https://browser.dataspace.copernicus.eu and "
                "come back when it is there."
            )
        if info.id is None:
            info = self.find(info.name)
        url = f"{self.endpoints.download}/Products({info.id})/$value"

        def ask(headers: Mapping[str, str]) -> Response:
            return self._session.request("GET", url, headers=headers)

        if not self._slots.acquire(timeout=max(self.limits.patience, 24 * 3600.0)):
            raise AccessError("other downloads of this process have not ended for a day")
        try:
            return download.download(
                info, target, ask, self.limits, progress=progress, verify=verify, overwrite=overwrite
            )
        finally:
            self._slots.release()

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Send any request with the login's token (to the Data Space's hosts only); its body is not read yet."""
        return self._session.request(method, url, headers=headers)

    def close(self) -> None:
        """End the connections; a login that no other process can take up is ended, too, for they are counted."""
        self._session.close(logout=not self._keeps)
        self._plain.close()

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Name the service; no more."""
        return f"CDSE({http.host_of(self.endpoints.odata)!r})"

    def __reduce__(self) -> NoReturn:
        """Refuse: a login must not be written to disk or sent to others."""
        raise TypeError("CDSE holds a login and does not pickle; make one in each process, they share one token")


def _collections(name: str) -> list[str] | None:
    """Return the STAC collection of a product, if its name tells; a search by name alone is slow."""
    from xarray_safe.products import type_named

    product_type = type_named(name)
    return [product_type.collection] if product_type is not None and product_type.collection else None
