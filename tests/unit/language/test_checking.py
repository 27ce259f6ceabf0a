"""The blocks of the zoo are held to what a spec's own are."""

import pytest

from archcompiler.config.wording import Wording
from archcompiler.language.checking import check_block
from archcompiler.language.library import HOMES, Home, Library

ZOO = [(home, name) for home in HOMES for name in Library().names(home)]


@pytest.mark.parametrize(("home", "name"), ZOO, ids=lambda value: str(value))
def test_a_block_of_the_zoo_is_sound(home: Home, name: str) -> None:
    library = Library()
    table = library.table(name, home)
    assert table is not None
    assert list(check_block(name, table, library, Wording("the block"), home)) == []


@pytest.mark.parametrize(("home", "name"), ZOO, ids=lambda value: str(value))
def test_every_option_of_the_zoo_says_what_it_is(home: Home, name: str) -> None:
    definition = Library().find(name, home)
    assert definition is not None
    assert definition.title
    assert definition.source
