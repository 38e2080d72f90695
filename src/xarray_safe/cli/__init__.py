"""The command line ``xarray-safe``: gathers the commands of all faces, and reports errors in one line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line.

    Exit status: 0 success; 1 error (reported in one line); 2 invalid arguments; 3 products differ or are damaged;
    130 interrupted; 141 output closed.
    """
    try:
        from xarray_safe.cli.app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "click", "rich", "shellingham"):
            raise
        sys.exit('xarray-safe: the command line needs its extra: pip install "xarray-safe[cli]"')
    from xarray_safe.errors import SafeError

    try:
        app(prog_name="xarray-safe")
    except SafeError as error:
        _fail(str(error))
    except ImportError as error:  # a command imports its extra where it uses it
        _fail(str(error) if "pip install" in str(error) else f"{error.name} is not installed ({error})")
    except OSError as error:  # of files that the user named: a missing folder, a full disk
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))


def _fail(message: str) -> None:
    """Print one line and end."""
    print(f"xarray-safe: {message}", file=sys.stderr)
    sys.exit(1)
