"""Errors are still importable by their names of version 0.1's beginnings, with a warning that says the new one."""

from __future__ import annotations

import importlib
import pickle

import pytest

CORE = [
    "NotASafe",
    "UnsupportedProduct",
    "MissingFile",
    "AbsentFile",
    "CorruptFile",
    "MissingElement",
    "UnknownGroup",
    "AccessDenied",
    "RemoteFailed",
    "InvalidArgument",
]
ACCESS = [
    "LoginFailed",
    "TwoFactorNeeded",
    "UnknownProduct",
    "ProductOffline",
    "QuotaReached",
    "ServerFailed",
    "DiskFull",
]
OLD = [
    *(("xarray_safe.errors", name) for name in CORE),
    *(("xarray_safe.access", name) for name in ACCESS),
    *(("xarray_safe.access.errors", name) for name in ACCESS),
    ("xarray_safe.compare", "MeasuringFailed"),
]


@pytest.mark.parametrize(("module", "name"), OLD)
def test_old_names_warn_and_are_the_new_classes(module: str, name: str) -> None:
    room = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=rf"{module}\.{name} is now called {name}Error") as warned:
        old = getattr(room, name)
    assert old is getattr(room, f"{name}Error")
    assert {warning.filename for warning in warned} == {__file__}


@pytest.mark.parametrize(("module", "name"), OLD)
def test_old_names_can_be_imported_from_their_module(module: str, name: str) -> None:
    namespace: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"{name}Error"):
        exec(f"from {module} import {name}", namespace)
    assert namespace[name] is getattr(importlib.import_module(module), f"{name}Error")


@pytest.mark.parametrize(("old", "new"), [("Side", "ComparedSource"), ("Step", "Measurement")])
def test_old_names_of_compare_warn_and_are_the_new_classes(old: str, new: str) -> None:
    room = importlib.import_module("xarray_safe.compare")
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}"):
        assert getattr(room, old) is getattr(room, new)


@pytest.mark.parametrize("module", sorted({module for module, _ in OLD}))
def test_unknown_names_are_still_errors(module: str) -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        importlib.import_module(module).NoSuchThing


def test_errors_pickled_under_an_old_name_load() -> None:
    with pytest.warns(DeprecationWarning, match="MissingFileError"):
        error = pickle.loads(b"cxarray_safe.errors\nMissingFile\n(Vgone\ntR.")
    assert isinstance(error, FileNotFoundError)
    assert str(error) == "gone"
