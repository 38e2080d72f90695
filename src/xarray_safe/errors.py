"""Every error and warning of the project: what went wrong, in which file and element, what to do.

Each error is a `SafeError` and also the built-in exception that a caller would expect there, so that
``except FileNotFoundError`` and ``except ValueError`` keep working::

    SafeError
    ├── NotASafeError            (ValueError)
    ├── UnsupportedProductError  (ValueError)
    ├── MissingFileError         (FileNotFoundError)
    │   └── AbsentFileError
    ├── CorruptFileError         (OSError, ValueError)
    ├── MissingElementError      (ValueError)
    ├── UnknownGroupError        (KeyError, ValueError)
    ├── AccessDeniedError        (PermissionError)
    ├── RemoteFailedError        (ConnectionError)
    ├── InvalidArgumentError     (ValueError)
    ├── MissingPackageError      (ImportError)
    ├── AccessError              (OSError): xarray_safe.access.errors
    │   ├── LoginFailedError     (PermissionError)
    │   │   └── TwoFactorNeededError
    │   ├── UnknownProductError  (LookupError)
    │   ├── ProductOfflineError
    │   ├── QuotaReachedError
    │   ├── ServerFailedError    (ConnectionError)
    │   └── DiskFullError
    └── MeasuringFailedError     (RuntimeError): xarray_safe.compare

    SafeWarning                  (UserWarning)
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SafeError(Exception):
    """Base of all errors of xarray-safe."""

    def __str__(self) -> str:
        """Return the plain message; `KeyError` would put it in quotes."""
        return str(self.args[0]) if self.args else ""


class NotASafeError(SafeError, ValueError):
    """The path exists, but is not a SAFE archive."""


class UnsupportedProductError(SafeError, ValueError):
    """A SAFE archive of a product type, or in a form, that this project does not open."""


class MissingFileError(SafeError, FileNotFoundError):
    """A path, or a file inside an archive, does not exist."""


class AbsentFileError(MissingFileError):
    """A file does not exist, and the product's metadata do not name it; see `expected`."""

    def __init__(self, message: str, *, expected: bool = True) -> None:
        super().__init__(message)
        self.expected = expected
        """Whether a complete product has such a file."""


class CorruptFileError(SafeError, OSError, ValueError):
    """A file exists but is damaged: XML that does not parse, a truncated zip or image."""


class MissingElementError(SafeError, ValueError):
    """An XML file lacks an element that the tree needs, or its value is invalid."""


class UnknownGroupError(SafeError, KeyError, ValueError):
    """`group=` names a group that the tree does not have."""


class AccessDeniedError(SafeError, PermissionError):
    """Access denied: credentials are missing, wrong or expired."""


class RemoteFailedError(SafeError, ConnectionError):
    """A server cannot be reached, closes the connection or sends an invalid answer, also after retries."""


class InvalidArgumentError(SafeError, ValueError):
    """An argument is invalid, such as an unknown `eopf_version`."""


class MissingPackageError(SafeError, ImportError):
    """A package of an extra is not installed; the message says how to install it."""


class SafeWarning(UserWarning):
    """Something optional is absent from an archive; the rest of the tree is right."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, from the package index and from a clone."""
    return f'pip install "xarray-safe[{extra}]", or in a clone of the repository pip install ".[{extra}]"'


def deprecated_names(
    module: str, *errors: type[SafeError], stacklevel: int = 2, **others: type
) -> Callable[[str], type]:
    """Return a module's ``__getattr__`` that still finds classes by their old names, with a warning.

    Parameters
    ----------
    module
        Name of the module, for messages.
    *errors
        Classes whose old name is their name without the suffix.
    stacklevel
        Calls from the place that asks for a name to the returned function, plus one.
    **others
        Other renamed classes, by their old names.
    """
    renamed = {error.__name__.removesuffix("Error"): error for error in errors} | others

    def find(name: str) -> type:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = renamed[name]
        warnings.warn(f"{module}.{name} is now called {new.__name__}", DeprecationWarning, stacklevel=stacklevel)
        return new

    return find


if not TYPE_CHECKING:  # a type checker would take any name for one of this module
    __getattr__ = deprecated_names(
        __name__,
        NotASafeError,
        UnsupportedProductError,
        MissingFileError,
        AbsentFileError,
        CorruptFileError,
        MissingElementError,
        UnknownGroupError,
        AccessDeniedError,
        RemoteFailedError,
        InvalidArgumentError,
    )
