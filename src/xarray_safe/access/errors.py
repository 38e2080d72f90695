"""What can go wrong on the way to a product: one error each, with what to do. None ever contains a credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xarray_safe.errors import SafeError, deprecated_names


class AccessError(SafeError, OSError):
    """A product could not be found or downloaded."""


class LoginFailedError(AccessError, PermissionError):
    """There are no credentials, or the server does not accept them."""


class TwoFactorNeededError(LoginFailedError):
    """The account has two-factor authentication, and the code is missing or wrong."""


class UnknownProductError(AccessError, LookupError):
    """The catalogue has no product of this name."""


class ProductOfflineError(AccessError):
    """The product is stored on tape; it must be ordered before it can be downloaded."""


class QuotaReachedError(AccessError):
    """The server answered "too many requests" (429) for longer than the limit on waiting."""


class ServerFailedError(AccessError, ConnectionError):
    """A server cannot be reached, closes the connection or sends an invalid answer, also after retries."""


class DiskFullError(AccessError):
    """There is not enough free disk space for the product."""


if not TYPE_CHECKING:  # a type checker would take any name for one of this module
    __getattr__ = deprecated_names(
        __name__,
        LoginFailedError,
        TwoFactorNeededError,
        UnknownProductError,
        ProductOfflineError,
        QuotaReachedError,
        ServerFailedError,
        DiskFullError,
    )
