"""Download a product: once for all callers, verified, and under its name only when it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from typing import TYPE_CHECKING

import blake3
from filelock import FileLock, Timeout

from xarray_safe.access.errors import AccessError, DiskFullError
from xarray_safe.access.transfer import Transfer
from xarray_safe.archive import open_archive, verify
from xarray_safe.errors import CorruptFileError, SafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xarray_safe.access.http import Limits
    from xarray_safe.access.odata import ProductInfo
    from xarray_safe.access.transfer import SendRequest
    from xarray_safe.archive.manifest import ManifestEntry

_SHOWN = 5
"""Damaged files that an error names."""


def target_of(folder: Path, name: str) -> Path:
    """Return the path that a product's download has in a folder."""
    full = name if "." in name else f"{name}.SAFE"
    return folder / f"{full}.zip"


def existing(target: Path) -> Path | None:
    """Return a product that was downloaded before, or None.

    Raises
    ------
    CorruptFileError, NotASafeError
        There is a file of its name, but it is not a complete product (of another program: ours is renamed only
        when it is complete).
    """
    if not target.exists():
        return None
    open_archive(target).close()
    return target


def download(
    info: ProductInfo,
    target: Path,
    ask: SendRequest,
    limits: Limits,
    *,
    progress: bool | None = None,
    verify: bool = True,
) -> Path:
    """Download a product as a zip.

    Parameters
    ----------
    info
        Its entry in the catalogue, with size and checksums to compare.
    target
        Path of the zip.
    ask
        Sends the request for its bytes.
    limits
        How long to wait.
    progress
        Whether to show a bar; by default if standard error is a terminal.
    verify
        Whether to check each file against the product's own manifest, too (0.7 GB: some seconds).

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    CorruptFileError
        The download does not match the catalogue or the manifest; it is deleted.
    AccessError
        One of its children.
    """
    part = target.with_name(f".{target.name}.{(info.id or 'unknown')[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AccessError(f"{target.parent} cannot be made ({error.strerror}).") from None
    with _only_one(part, target, limits):
        found = existing(target)
        if found:  # another process was faster
            return found
        with _bar(info, progress, limits) as show:
            transfer = Transfer(ask, part, info.name, limits, show)
            _check_room(info, part)
            size = transfer.download()
        try:
            _check_whole(info, part, size)
            if verify:
                _check_files(info, part, progress)
            else:
                open_archive(part).close()
        except SafeError:
            transfer.discard()
            raise
        os.replace(part, target)
        transfer.discard()
    return target


@contextlib.contextmanager
def _only_one(part: Path, target: Path, limits: Limits) -> Iterator[None]:
    """Hold the lock of a download; wait for another holder while it makes progress."""
    path = part.with_name(f"{part.name}.lock")
    lock = FileLock(path, mode=0o644)
    size, since = -1, time.monotonic()
    while True:
        try:
            lock.acquire(timeout=0.25)
            break
        except Timeout:
            now = part.stat().st_size if part.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > limits.patience:
                raise AccessError(
                    f"another process downloads {part.name} but makes no progress; if there is none, delete {path}"
                ) from None
        except OSError as error:
            raise AccessError(f"{path.parent} cannot be written to ({error.strerror}).") from None
    try:
        yield
    finally:
        if target.exists():  # nobody downloads it any more, so it does not matter if locks on two files are held now
            with contextlib.suppress(OSError):  # Windows deletes no open file
                path.unlink()
        lock.release()


def _check_room(info: ProductInfo, part: Path) -> None:
    """Check free space before the download."""
    if info.size is None:
        return
    missing = info.size - (part.stat().st_size if part.is_file() else 0)
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise DiskFullError(
            f"{info.name} needs {missing / 1e9:.2f} GB more in {part.parent}, where {free / 1e9:.2f} GB are free."
        )


def _check_whole(info: ProductInfo, part: Path, size: int) -> None:
    """Compare the whole file with the catalogue: by checksum, or by size if there is no checksum."""
    method = next((name for name in ("BLAKE3", "MD5") if name in info.checksums), None)
    if method is None:
        if info.size is not None and size != info.size:
            raise CorruptFileError(
                f"{info.name}: {size} bytes came, the catalogue says {info.size}. They are deleted; download it again."
            )
        return
    hasher = blake3.blake3() if method == "BLAKE3" else hashlib.md5(usedforsecurity=False)
    with open(part, "rb") as file:
        while piece := file.read(1 << 22):
            hasher.update(piece)
    if hasher.hexdigest() != info.checksums[method]:
        raise CorruptFileError(
            f"{info.name}: what came ({size} bytes) has not the {method} that the catalogue gives.{_culprits(part)} "
            "It is deleted; download it again."
        )


def _culprits(part: Path) -> str:
    """Return which files in a damaged zip are damaged."""
    try:
        problems = verify.check(part).problems
    except (SafeError, OSError) as error:
        return f" {error}"
    return f" {_list(problems)}." if problems else " All files in it are as its manifest says: the zip's frame is."


def _check_files(info: ProductInfo, part: Path, progress: bool | None) -> None:
    """Compare all files with the product's own manifest."""
    with _bar(info, progress, None) as show:
        done = 0

        def count(entry: ManifestEntry) -> None:
            nonlocal done
            done += entry.size or 0
            show(done, None)

        report = verify.check(part, count)
    if report.problems:
        raise CorruptFileError(
            f"{info.name}: {len(report.problems)} of {report.files} files are not as the manifest says: "
            f"{_list(report.problems)}. It is deleted; download it again."
        )


def _list(problems: tuple[str, ...]) -> str:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more


@contextlib.contextmanager
def _bar(
    info: ProductInfo, progress: bool | None, limits: Limits | None
) -> Iterator[Callable[[int, int | None], object]]:
    """Show a progress bar in a terminal: of the download, or (without limits) of the check that follows."""
    from tqdm import tqdm

    with tqdm(
        total=info.size,
        desc=("" if limits else "check ") + info.name[:44],
        unit="B",
        unit_scale=True,
        disable=None if progress is None else not progress,
        leave=limits is not None,
    ) as bar:

        def show(have: int, total: int | None) -> None:
            if total is not None and bar.total != total:
                bar.total = total
            bar.update(have - bar.n)

        yield show
