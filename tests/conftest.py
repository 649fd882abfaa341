"""While the tests run, every call of gridbayes is checked against its annotations: types and shapes."""

import doctest
import inspect

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float

install_import_hook("gridbayes", "conftest.checked")


def _from_module(self, module, found, original=doctest.DocTestFinder._from_module):
    """A checked function is a wrapper from elsewhere, which doctest would pass over: look inside."""
    return original(self, module, inspect.unwrap(found))


doctest.DocTestFinder._from_module = _from_module


@pytest.fixture(scope="session")
def browser():
    """Chromium for tests/browser/, started once."""
    from chromium import chromium

    with chromium() as found:
        yield found
