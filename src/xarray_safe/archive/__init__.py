"""Archives: names, sizes and ranges of bytes of a product, wherever it is stored and however it is packed.

`open_archive` opens a product from whatever names it (folder, `manifest.safe`, product metadata, zip, URL, STAC item);
`guess` tells cheaply what a path seems to hold. Nothing is ever unpacked.
"""

from __future__ import annotations

from xarray_safe.archive.base import Archive
from xarray_safe.archive.guess import guess
from xarray_safe.archive.open import open_archive

__all__ = ["Archive", "guess", "open_archive"]
