"""The trees of generated products, written down: a change of a table shows as a difference of a text.

To write the files in `golden/` anew after a change that is meant: ``pytest tests/test_golden.py --rewrite-golden``.
Look at the difference before committing it.
"""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from xarray_safe.products import LAYOUTS
from xarray_safe.sample import write

GOLDEN = Path(__file__).parent / "golden"
LONGEST = 100
ENCODINGS = (
    "dtype",
    "scale_factor",
    "add_offset",
    "_FillValue",
    "units",
    "calendar",
    "coordinates",
    "preferred_chunks",
)

PRODUCTS = {
    "l2a": {"level": "L2A", "size": 36},
    "l1c": {"level": "L1C", "size": 36, "satellite": "S2B", "baseline": "05.09"},
    "l2a-old": {"level": "L2A", "size": 36, "baseline": "02.09", "tile": "56HLH"},
}


def text(tree):
    """Text form of a tree, line by line: groups, variables and attributes in the order of their names."""
    for node in sorted(tree.subtree, key=lambda node: node.path):
        dataset = node.to_dataset(inherit=False)
        yield f"{node.path}"
        yield from leaves(dataset.attrs, "  @")
        for name in sorted(dataset.variables):
            var = dataset.variables[name]
            kind = "coordinate" if name in dataset.coords else "variable"
            sizes = ", ".join(f"{dim}: {size}" for dim, size in var.sizes.items())
            yield f"  {kind} {name} ({sizes}) {var.dtype}"
            if name in dataset.coords and var.size:
                yield f"    values {short(np.asarray(var.values).reshape(-1).tolist())}"
            yield from leaves(var.attrs, "    @")
            yield from leaves({key: var.encoding[key] for key in ENCODINGS if key in var.encoding}, "    #")


def leaves(value, prefix):
    """Lines of nested attributes."""
    if isinstance(value, dict) and value:
        for key in sorted(value, key=str):
            separator = "" if prefix[-1] in "@#" else "/"
            yield from leaves(value[key], f"{prefix}{separator}{key}")
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            yield from leaves(item, f"{prefix}/{number}")
    else:
        yield f"{prefix} = {short(value)}"


def short(value):
    """Text of a value; of a long one the begin and a checksum."""
    if isinstance(value, np.generic):
        value = f"{value.dtype} {value.item()!r}"
    shown = str(value) if isinstance(value, np.dtype) else value if isinstance(value, str) else repr(value)
    shown = repr(shown) if isinstance(value, str) and (shown != shown.strip() or "\n" in shown or not shown) else shown
    if len(shown) <= LONGEST:
        return shown
    return f"{shown[:60]}… {len(shown)} characters, sha256 {hashlib.sha256(shown.encode()).hexdigest()[:12]}"


@pytest.fixture(scope="module", params=PRODUCTS)
def sample(request, tmp_path_factory):
    return request.param, write(tmp_path_factory.mktemp("golden"), **PRODUCTS[request.param])


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.mark.filterwarnings("ignore::xarray_safe.errors.SafeWarning")
def test_the_tree_is_as_written_down(sample, layout, request):
    name, product = sample
    path = GOLDEN / f"{name}-{layout}.txt"
    found = "\n".join(text(xr.open_datatree(product, engine="safe", eopf_version=layout))) + "\n"
    assert str(product.parent) not in found
    if request.config.getoption("--rewrite-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8", newline="\n")
    expected = path.read_text(encoding="utf-8")
    difference = list(
        difflib.unified_diff(expected.splitlines(), found.splitlines(), "written down", "found", lineterm="")
    )
    assert not difference, "\n".join(
        [f"{path.name} differs; if that is meant: pytest tests/test_golden.py --rewrite-golden", *difference[:200]]
    )


def test_there_are_no_other_files():
    assert {path.stem for path in GOLDEN.iterdir()} == {f"{name}-{v}" for name in PRODUCTS for v in LAYOUTS}
