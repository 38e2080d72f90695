"""The files of a folder over HTTP by aiohttp: ranges, ETags, conditional requests, no pages for folders.

`programs.web_files` starts it in a process of its own: ``python tests/servers/files.py FOLDER PORT``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web


def application(folder: Path) -> web.Application:
    """Make an application that answers with the files below a folder, each by an `aiohttp.web.FileResponse`."""
    app = web.Application()
    app.router.add_static("/", folder)
    return app


if __name__ == "__main__":
    web.run_app(application(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)
