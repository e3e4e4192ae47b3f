"""Packages that only some calls need: imported when they are asked for, and named when they are not there."""

from __future__ import annotations

import importlib
from typing import Any

from app.client.errors import MissingPackage


def pyarrow(what: str) -> Any:
    """pyarrow with its ``ipc``."""
    _import("pyarrow.ipc", "pyarrow", what)
    return _import("pyarrow", "pyarrow", what)


def pandas(what: str) -> Any:
    return _import("pandas", "pandas", what)


def polars(what: str) -> Any:
    return _import("polars", "polars", what)


def _import(module: str, package: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingPackage(package, what) from None
