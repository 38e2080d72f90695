"""The commands that look at products, as a user calls them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from tests.support import Run, copy, find, replace
from xarray_safe import sample
from xarray_safe.sample.sentinel2.product import pack

PNG = b"\x89PNG\r\n\x1a\n"


def test_help(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    for command in ("info", "tree", "compare", "verify", "quicklook", "demo", "login", "find", "download", "size"):
        assert f"  {command}  " in out
        assert "Example: xarray-safe" in run(command, "--help")[1]


def test_info(run: Run, tiny_folder: Path, tiny_zarr: Path) -> None:
    status, out, _ = run("info", tiny_folder)
    assert status == 0
    assert "Platform         sentinel-2a" in out
    facts = [json.loads(run("info", product, "--json")[1]) for product in (tiny_folder, tiny_zarr)]
    assert facts[0] == facts[1]
    assert json.loads(run("info", tiny_folder, "--json", "-l", "2.5")[1])["id"] == tiny_folder.stem


def test_tree(run: Run, tiny_folder: Path) -> None:
    status, out, _ = run("tree", tiny_folder, "--flat")
    assert status == 0
    lines = out.splitlines()
    assert any(line.startswith("/measurements/reflectance/r10m/b04  (y: 36, x: 36) float64") for line in lines)
    assert not [line for line in lines if line.split()[0].endswith("/x")]
    assert "r60m/x " in run("tree", tiny_folder, "-f", "-c", "-g", "measurements")[1]
    nested = run("tree", tiny_folder, "-g", "/measurements/reflectance/")[1].splitlines()
    assert nested[0] == "reflectance"
    assert nested[1] == "  r10m"
    status, _, err = run("tree", tiny_folder, "-g", "measurments")
    assert (status, err.count("\n")) == (1, 1)
    assert "no group /measurments" in err


def test_tree_is_nested_as_the_groups_are(run: Run, tiny_folder: Path) -> None:
    """Every line stands below the group that it belongs to: indentation read back gives the paths of the tree."""
    found, above = [], []
    for line in run("tree", tiny_folder)[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.split()[0]]
        found.append("/".join(above).replace("//", "/"))
    with xr.open_datatree(tiny_folder, engine="safe") as tree:
        groups = list(tree.groups)
        variables = [f"{node.path}/{name}" for node in tree.subtree for name in node.data_vars]
    assert sorted(found) == sorted([*groups, *variables])


def test_compare(run: Run, tiny_folder: Path, tiny_zarr: Path, tmp_path: Path) -> None:
    status, out, err = run("compare", tiny_folder, tiny_zarr, "--no-costs", "--html", tmp_path / "r.html")
    assert (status, err) == (0, "")
    assert out.startswith("identical\n")
    assert out.endswith(f"Report: {tmp_path / 'r.html'}\n")
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    assert "identical" in (tmp_path / "r.html").read_text()
    status, out, _ = run("compare", tiny_folder, tiny_zarr, "--no-costs", "--no-values", "--json")
    assert json.loads(out)["identical"] is True


def test_compare_of_others(run: Run, tiny_folder: Path, l2a_folder: Path) -> None:
    status, out, _ = run("compare", tiny_folder, l2a_folder, "--no-costs", "--json")
    assert status == 3
    assert json.loads(out)["differences"]


def _with_md5(product: Path, manifest: str) -> bytes:
    """Give a manifest MD5 instead of SHA3-256."""

    def md5(found: re.Match[str]) -> str:
        data = (product / found[1]).read_bytes()
        return f'{found[0].partition("<checksum")[0]}<checksum checksumName="MD5">{hashlib.md5(data).hexdigest()}<'

    text = re.sub(r'href="\./([^"]+)"[^<]*(?:</[^<]*)?<checksum[^>]*>[^<]*<', md5, manifest)
    assert "SHA3" not in text
    return text.encode()


@pytest.mark.parametrize("method", ["MD5", "SHA3-256"])
def test_verify(run: Run, method: str, tmp_path: Path) -> None:
    product = sample.write(tmp_path, size=36)
    if method == "MD5":
        manifest = product / "manifest.safe"
        manifest.write_bytes(_with_md5(product, manifest.read_text()))
    packed = tmp_path / f"{product.name}.zip"
    pack(product, packed, compressed=True)
    assert f'checksumName="{method}"' in (product / "manifest.safe").read_text()
    status, out, err = run("verify", product, packed)
    assert (status, err) == (0, "")
    assert out.count("all right") == 2
    assert run("verify", product, "--quiet")[1] == ""
    image = find(product, "*_B04_10m.jp2")
    data = bytearray(image.read_bytes())
    data[-20] ^= 1
    image.write_bytes(bytes(data))
    find(product, "*_SCL_20m.jp2").unlink()
    status, out, _ = run("verify", packed, product, "-q")
    assert status == 3
    assert len(out.splitlines()) == 2
    assert "_B04_10m.jp2" in out
    assert "_SCL_20m.jp2 is missing" in out


def test_verify_goes_on_after_what_cannot_be_checked(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    damaged = copy(tiny_folder, tmp_path)
    find(damaged, "*_SCL_20m.jp2").unlink()
    status, out, err = run("verify", tiny_folder, tmp_path / "nope", damaged)
    assert status == 1
    right, wrong = out.splitlines()
    assert right.endswith(": all right")
    assert "_SCL_20m.jp2 is missing" in wrong
    assert (err.count("\n"), "nope" in err) == (1, True)


def test_verify_without_a_manifest(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    product = copy(tiny_folder, tmp_path)
    replace(product / "manifest.safe", b"<cut")
    status, _, err = run("verify", product)
    assert (status, err.count("\n")) == (1, 1)
    assert "manifest.safe" in err


def test_quicklook(run: Run, l2a_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    monkeypatch.chdir(tmp_path)
    status, out, _ = run("quicklook", l2a_folder, "--size", 100)
    assert (status, out) == (0, f"{l2a_folder.stem}.png\n")
    picture = imagecodecs.png_decode((tmp_path / out.strip()).read_bytes())
    assert picture.shape == (63, 63, 4)  # 252 / 4: a stored resolution
    assert picture[..., 3].min() == 0  # no-data
    assert picture[..., 3].max() == 255
    assert run("quicklook", l2a_folder, "-o", "q.png")[0] == 0
    assert imagecodecs.png_decode((tmp_path / "q.png").read_bytes()).shape == (252, 252, 4)


def test_quicklook_is_what_the_tree_gives(run: Run, l2a_folder: Path, tmp_path: Path) -> None:
    """It is drawn past the tree, to be quick, and must be the picture of the tree."""
    from xarray_safe.quicklook import true_colour

    for size, overview in ((100, 1), (63, 2), (300, 0)):
        assert run("quicklook", l2a_folder, "-s", size, "-o", tmp_path / "q.png")[0] == 0
        with xr.open_datatree(l2a_folder, engine="safe", overview=overview) as tree:
            assert (tmp_path / "q.png").read_bytes() == true_colour(tree, size)


def test_quicklook_of_a_zarr(run: Run, tiny_zarr: Path, tiny_folder: Path, tmp_path: Path) -> None:
    pictures = []
    for product in (tiny_zarr, tiny_folder):
        assert run("quicklook", product, "-o", tmp_path / "q.png")[0] == 0
        pictures.append((tmp_path / "q.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_quicklook_of_a_safe_imports_little(tiny_folder: Path, tmp_path: Path) -> None:
    """Importing xarray, its plugins and dask would take longer than the picture."""
    code = (
        "import sys; sys.argv = ['', 'quicklook', *sys.argv[1:]]\n"
        "from xarray_safe import cli\n"
        "try: cli.main()\n"
        "finally: print([name for name in ('xarray', 'pandas', 'dask', 'eccodes', 'zarr') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tiny_folder), "-o", str(tmp_path / "q.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "q.png").read_bytes().startswith(PNG)


def test_quicklook_into_a_pipe(tiny_folder: Path) -> None:
    command = [sys.executable, "-m", "xarray_safe.cli", "quicklook", str(tiny_folder), "-o", "-"]
    assert subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.startswith(PNG)


def test_demo(run: Run, tmp_path: Path) -> None:
    from xarray_safe.cli.demo import product

    product(tmp_path, sample.Spec(size=222, nodata=0.05))  # what an earlier demo left there
    status, out, _ = run("demo", tmp_path, "--scale", 0.02)
    assert status == 0
    assert "\nidentical\n" in out
    report = Path(out.splitlines()[-1].removeprefix("Report: "))
    assert "identical" in report.read_text()
    assert {path.suffix for path in tmp_path.iterdir()} == {".SAFE", ".zarr", ".html"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["info"], 2),
        (["info", "nowhere"], 1),
        (["compare", "nowhere", "there"], 1),
        (["nothing"], 2),
        (["demo", "--scale", "7"], 2),
        (["info", "nowhere", "-l", "3"], 2),
        (["tree", "nowhere", "--options", "{"], 2),
        (["compare", "nowhere", "there", "--options-b", "[]"], 2),
        (["find"], 2),
        (["find", "-c", "sentinel-2-l2a", "--bbox", "a"], 2),
    ],
)
def test_wrong_calls(run: Run, arguments: list[str], status: int) -> None:
    assert run(*arguments)[0] == status


def test_options_that_are_no_json(run: Run, tiny_folder: Path) -> None:
    status, _, err = run("info", tiny_folder, "--options", "anon")
    assert status == 2
    assert "--options" in err
    assert "give a JSON object such as '{\"anon\": true}'." in err


def test_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("bash")
    environment = {"_XARRAY_SAFE_COMPLETE": "complete_bash", "COMP_WORDS": "xarray-safe ver", "COMP_CWORD": "1"}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    code = "import sys; sys.argv = ['xarray-safe']; from xarray_safe import cli; cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["verify"]
