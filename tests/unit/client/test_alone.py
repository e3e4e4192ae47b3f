"""The client is imported, and used, where nothing of the platform is installed."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from speaking import Speaking

#: httpx and what it needs.
_ALLOWED = ("httpx", "httpcore", "h11", "anyio", "sniffio", "idna", "certifi", "typing_extensions", "app")
_BLOCK = f"""
import sys, importlib.abc

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in {_ALLOWED!r} or top in ("__main__",):
            if top == "app" and name not in ("app", "app.client") and not name.startswith("app.client."):
                raise ImportError(f"{{name}} is of the platform")
            return None
        raise ImportError(f"{{name}} is not installed here")

sys.meta_path.insert(0, Blocker())
"""


def alone(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _BLOCK + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_client_needs_httpx_and_nothing_else() -> None:
    assert alone("import app.client; print(len(app.client.__all__) > 20)") == "True\n"


def test_rows_and_files_need_no_other_package(server: Speaking) -> None:
    code = """
    from app.client import Platform
    with Platform(sys.argv[1]) as platform:
        backtest = platform.open("spring")
        print(sum(1 for _ in backtest.series[0].rows()), backtest.status().state)
    """
    assert alone(code, server.url) == "20 complete\n"


@pytest.mark.parametrize("call", ["to_arrow", "to_pandas", "to_polars"])
def test_a_missing_package_is_named_with_how_to_get_it(server: Speaking, call: str) -> None:
    code = f"""
    from app.client import MissingPackage, Platform
    with Platform(sys.argv[1]) as platform:
        try:
            platform.open("spring").{call}()
        except MissingPackage as error:
            print(error, isinstance(error, ImportError))
    """
    said = alone(code, server.url)
    assert "needs pyarrow, which is not installed; install it with: pip install pyarrow True" in said
