"""Sample products that all tests share, written once per run by whoever needs them first; `--rewrite-golden`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import Run

    Once = Callable[[str, Callable[[Path], Path]], Path]

SIZE = 252
"""Pixels of the 10 m images: the least at which images of every resolution have several tiles."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/golden/*.txt anew instead of comparing")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make a product of a name once for all processes of the run; its files can only be read afterwards.

    It is made in the folder of all such products, which is given, and returned.
    """
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, notes = run / "products", run / "made"
    for path in (folder, notes):
        path.mkdir(exist_ok=True)

    def make(name: str, how: Callable[[Path], Path]) -> Path:
        note = notes / name
        with FileLock(f"{note}.lock"):
            if not note.exists():
                made = how(folder)
                for path in [made, *made.rglob("*")]:
                    if path.is_file():
                        path.chmod(0o444)
                note.write_text(str(made), encoding="utf-8")
        return Path(note.read_text(encoding="utf-8"))

    return make


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing cached by other tests, in the process or in the user's cache folder."""
    from xarray_safe import runtime

    monkeypatch.setenv("XARRAY_SAFE_INDEX_CACHE", "off")
    runtime.reset()
    yield
    runtime.reset()


def _sample(once: Once, name: str, **options: object) -> Path:
    from xarray_safe.sample import write

    return once(name, lambda folder: write(folder, **options))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def l2a_folder(once: Once) -> Path:
    """Level-2A product as a `.SAFE` folder."""
    return _sample(once, "l2a", level="L2A", size=SIZE, nodata=0.1)


@pytest.fixture(scope="session")
def l1c_folder(once: Once) -> Path:
    """Level-1C product as a `.SAFE` folder, of another satellite and an older specification."""
    return _sample(once, "l1c", level="L1C", size=SIZE, satellite="S2B", baseline="05.09")


@pytest.fixture(scope="session")
def tiny_folder(once: Once) -> Path:
    """Level-2A product with as few pixels as can be, for what does not look at them."""
    return _sample(once, "tiny", level="L2A", size=36, tile="31UDQ")


@pytest.fixture(scope="session")
def old_folder(once: Once) -> Path:
    """Level-2A product from before baseline 04.00: vector masks."""
    return _sample(once, "old", level="L2A", size=60, baseline="02.09", tile="33UWP")


def _zipped(once: Once, product: Path, name: str, *, compressed: bool, top: bool = True) -> Path:
    from xarray_safe.sample.sentinel2.product import pack

    def write(folder: Path) -> Path:
        pack(product, folder / name, compressed=compressed, top=top)
        return folder / name

    return once(name, write)


@pytest.fixture(scope="session")
def l2a_zip(once: Once, l2a_folder: Path) -> Path:
    """The Level-2A product as the zip that the Copernicus Data Space provides: stored."""
    return _zipped(once, l2a_folder, f"{l2a_folder.name}.zip", compressed=False)


@pytest.fixture(scope="session")
def l2a_deflated(once: Once, l2a_folder: Path) -> Path:
    """The Level-2A product as a deflated zip without ``.SAFE`` in its name."""
    return _zipped(once, l2a_folder, f"{l2a_folder.stem}.zip", compressed=True)


@pytest.fixture(scope="session")
def tiny_zip(once: Once, tiny_folder: Path) -> Path:
    """The tiny product as a deflated zip."""
    return _zipped(once, tiny_folder, "tiny.SAFE.zip", compressed=True)


@pytest.fixture(scope="session")
def l2a_bare(once: Once, l2a_folder: Path) -> Path:
    """The Level-2A product as a zip without the folder on top, and with a name that tells nothing."""
    return _zipped(once, l2a_folder, "bare.zip", compressed=True, top=False)


def _twin(once: Once, product: Path, layout: str) -> Path:
    import xarray as xr

    def write(folder: Path) -> Path:
        target = folder.parent / f"twin-{layout}" / f"{product.stem}-{layout}.zarr"
        target.parent.mkdir(exist_ok=True)
        with xr.open_datatree(product, engine="safe", eopf_version=layout) as tree:
            tree.to_zarr(target, zarr_format=2, consolidated=True)
        return target

    return once(f"{product.stem}-{layout}.zarr", write)


@pytest.fixture(scope="session")
def twins(once: Once, l2a_folder: Path) -> dict[str, Path]:
    """Zarr twins of the Level-2A product by layout."""
    return {layout: _twin(once, l2a_folder, layout) for layout in ("2.8", "2.5")}


@pytest.fixture(scope="session")
def tiny_zarr(once: Once, tiny_folder: Path) -> Path:
    """Zarr twin of the tiny product in layout 2.8."""
    return _twin(once, tiny_folder, "2.8")


@pytest.fixture(scope="session", params=["L2A", "L1C"])
def product(request, l2a_folder, l1c_folder):
    """Each of the levels."""
    return {"L2A": l2a_folder, "L1C": l1c_folder}[request.param]


@pytest.fixture(params=["2.8", "2.5"])
def layout(request):
    """Each of the layouts."""
    return request.param


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line as a user does, but in this process."""
    from xarray_safe.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xarray-safe", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call
