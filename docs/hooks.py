"""While the documentation is built its notebooks are executed: give the tutorial services on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

_running = ExitStack()


def on_pre_build(config: MkDocsConfig) -> None:
    """Start the services, and tell the kernels where they are."""
    sys.path.insert(0, str(Path(config.docs_dir).parent))
    from tests.servers.services import services

    folder = Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="xarray-safe-docs-")))
    there = _running.enter_context(services(folder / "services"))
    local = {"no_proxy": "127.0.0.1,localhost", "TMPDIR": str(folder), "IPYTHONDIR": str(folder / "ipython")}
    os.environ.update(there.environment | local)


def on_post_build(config: MkDocsConfig) -> None:
    """Stop the services."""
    _running.close()


def on_build_error(error: Exception) -> None:
    """Stop the services."""
    _running.close()
