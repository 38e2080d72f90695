"""The command line ``xarray-safe``: gathers the commands of all faces, and says plainly what goes wrong."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line.

    Exit status: 0 done; 1 it went wrong (one line says how); 2 it was called wrongly; 3 products differ or are damaged;
    130 interrupted.
    """
    try:
        from xarray_safe.commands import app
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
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _fail(message: str) -> None:
    """Print one line and end."""
    print(f"xarray-safe: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
