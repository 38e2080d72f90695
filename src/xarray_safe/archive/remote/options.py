"""Which storage options are for which kind of place: a STAC item, and what it names, may need two kinds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.urls import is_web

if TYPE_CHECKING:
    from collections.abc import Mapping

_WEB = frozenset(
    {"headers", "cookies", "auth", "trusted_hosts", "ssl", "params", "timeout", "encoded", "get_client"}
    | {"proxy", "proxy_auth", "proxy_headers", "trust_env", "connector", "cookie_jar", "server_hostname"}
    | {"verify_ssl", "ssl_context", "fingerprint", "simple_links", "same_scheme", "max_redirects", "allow_redirects"}
)
"""Names that fsspec's HTTP file system, aiohttp's requests and sessions, and `Login` know; s3fs does not."""

_S3 = frozenset(
    {"key", "secret", "username", "password", "anon", "endpoint_url", "profile", "session", "config_kwargs"}
    | {"use_ssl", "requester_pays", "version_aware", "s3_additional_kwargs", "cache_regions", "local_expiry_check"}
    | {"default_block_size", "default_fill_cache", "default_cache_type", "max_concurrency", "fixed_upload_size"}
    | {"region_name", "verify", "api_version", "config", "aws_access_key_id", "aws_secret_access_key"}
    | {"aws_session_token", "aws_account_id"}
)
"""Names that s3fs and the clients of botocore know; web servers do not."""

_SCHEMES = {"http": "web", "https": "web", "s3": "s3", "s3a": "s3"}
"""Options may stand under the scheme that they are for, as fsspec has it for chains."""


def for_place(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give those of the options that are for the place of a URL.

    Parameters
    ----------
    url
        Of the place.
    options
        Storage options for it and others; names that nobody knows stay, for it to refuse them.
    """
    if is_web(url):
        return _of_kind("web", options)
    return _of_kind("s3", options) if url.lower().startswith(("s3://", "s3a://")) else dict(options)


def under_scheme(url: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the options that stand under the scheme of a URL, as in a chain of fsspec's; None where none do."""
    scheme = url.partition("://")[0]
    kind = _SCHEMES.get(scheme)
    names = [scheme, *(name for name in _SCHEMES if kind and _SCHEMES[name] == kind)]
    return next((options[name] for name in names if isinstance(options.get(name), dict)), None)


def prefers_web(options: Mapping[str, Any]) -> bool:
    """Whether options are those of a web server, and not of an object store."""
    kinds = {_kind(name, value, options) for name, value in options.items()}
    for name, value in options.items():
        if name == "client_kwargs" and isinstance(value, dict):
            kinds |= {_kind(inner, None, options) for inner in value}
    return "web" in kinds and "s3" not in kinds


def mapping_of(name: str, value: object) -> dict[str, Any]:
    """Give an option that is to be a mapping, or nothing; a list of pairs will do.

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


def _of_kind(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    other = {"web": "s3", "s3": "web"}[kind]
    mine: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, value in options.items():
        if name in _SCHEMES and isinstance(value, dict):
            nested |= value if _SCHEMES[name] == kind else {}
        elif name == "client_kwargs" and isinstance(value, dict):
            kept = {inner: about for inner, about in value.items() if _kind(inner, None, options) != other}
            mine |= {name: kept} if kept else {}
        elif _kind(name, value, options) != other:
            mine[name] = value
    return mine | nested


def _kind(name: str, value: object, options: Mapping[str, Any]) -> str | None:
    """Tell whom an option is for; None where that is anybody."""
    if name in _SCHEMES and isinstance(value, dict):
        return _SCHEMES[name]
    if name == "token":  # s3fs has one, too: it goes with a key
        return "web" if callable(value) or not {"key", "secret", "username", "password"} & set(options) else "s3"
    return "web" if name in _WEB else "s3" if name in _S3 else None
