"""What can go wrong on the way to a product: one error each, saying what to do. None ever holds a credential."""

from __future__ import annotations

from xarray_safe.errors import SafeError


class AccessError(SafeError, OSError):
    """A product could not be found or fetched."""


class LoginFailed(AccessError, PermissionError):
    """There are no credentials, or the server does not accept them."""


class TwoFactorNeeded(LoginFailed):
    """The account has two-factor authentication, and no code (or a wrong one) was given."""


class UnknownProduct(AccessError, LookupError):
    """The catalogue has no product of this name."""


class ProductOffline(AccessError):
    """The product is known but lies on tape; it must be ordered before it can be fetched."""


class QuotaReached(AccessError):
    """The server answered 429 for longer than we are willing to wait."""


class ServerFailed(AccessError, ConnectionError):
    """A server cannot be reached, breaks off, or answers nonsense, and trying again did not help."""


class DiskFull(AccessError):
    """There is no room for the product."""
