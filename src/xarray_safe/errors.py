"""Every error and warning of the project: what went wrong, in which file and element, what to do.

Each error is a `SafeError` and also the built-in exception that a caller would expect there, so that
``except FileNotFoundError`` and ``except ValueError`` keep working.
"""

from __future__ import annotations


class SafeError(Exception):
    """Base of all errors of xarray-safe."""

    def __str__(self) -> str:
        """Give the plain message; `KeyError` would put it in quotes."""
        return str(self.args[0]) if self.args else ""


class NotASafeError(SafeError, ValueError):
    """The path exists, but what lies there is no SAFE archive."""


class UnsupportedProductError(SafeError, ValueError):
    """A SAFE archive of a product type, or in a form, that this project does not open."""


class MissingFileError(SafeError, FileNotFoundError):
    """A path, or a file inside an archive, is not there."""


class AbsentFileError(MissingFileError):
    """A file is not there, and the product's metadata do not name it; see `expected`."""

    def __init__(self, message: str, *, expected: bool = True) -> None:
        super().__init__(message)
        self.expected = expected
        """Whether a whole product has such a file."""


class CorruptFileError(SafeError, OSError, ValueError):
    """A file is there but broken: XML that does not parse, a zip or an image cut short."""


class MissingElementError(SafeError, ValueError):
    """An XML file lacks an element that the tree needs, or has a value there that makes no sense."""


class UnknownGroupError(SafeError, KeyError, ValueError):
    """`group=` names a group that the tree does not have."""


class AccessDeniedError(SafeError, PermissionError):
    """A server does not let us at a file: no credentials, wrong ones, or expired ones."""


class RemoteFailedError(SafeError, ConnectionError):
    """A server cannot be reached, breaks off, or answers nonsense, and trying again did not help."""


class InvalidArgumentError(SafeError, ValueError):
    """An argument that has no meaning here, such as an unknown `eopf_version`."""


class MissingPackageError(SafeError, ImportError):
    """A package of an extra is not installed; the message says how to install it."""


class SafeWarning(UserWarning):
    """Something optional is absent from an archive; the rest of the tree is right."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, from the package index and from a clone."""
    return f'pip install "xarray-safe[{extra}]", or in a clone of the repository pip install ".[{extra}]"'
