"""What can go wrong on the way to a product: one error each, saying what to do. None ever holds a credential."""

from __future__ import annotations

from xarray_safe.errors import SafeError


class AccessError(SafeError, OSError):
    """A product could not be found or fetched."""


class LoginFailedError(AccessError, PermissionError):
    """There are no credentials, or the server does not accept them."""


class TwoFactorNeededError(LoginFailedError):
    """The account has two-factor authentication, and no code (or a wrong one) was given."""


class UnknownProductError(AccessError, LookupError):
    """The catalogue has no product of this name."""


class ProductOfflineError(AccessError):
    """The product is known but lies on tape; it must be ordered before it can be fetched."""


class QuotaReachedError(AccessError):
    """The server answered 429 for longer than we are willing to wait."""


class ServerFailedError(AccessError, ConnectionError):
    """A server cannot be reached, breaks off, or answers nonsense, and trying again did not help."""


class DiskFullError(AccessError):
    """There is no room for the product."""
