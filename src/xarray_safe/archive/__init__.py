"""Archives: names, sizes and ranges of bytes of a product, wherever and however it is packed.

`open_archive` takes every door to a product (folder, `manifest.safe`, product metadata, zip) and gives an
`Archive`; `guess` says cheaply what a path seems to hold. Nothing is ever unpacked.
"""

from __future__ import annotations

from xarray_safe.archive.base import Archive
from xarray_safe.archive.open import guess, open_archive

__all__ = ["Archive", "guess", "open_archive"]
