import pytest

from archcompiler.language.naming import meant

NAMES = ("bottleneck", "inception", "preact_bottleneck", "resnext", "max_pool")


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        *(("resnxt", "resnext"), ("preact_bottlneck", "preact_bottleneck"), ("ResNeXt", "resnext")),
        *(("preactbottleneck", "preact_bottleneck"), ("maxpool", "max_pool")),
        *(("preact-bottleneck", "preact_bottleneck"), ("max-pool", "max_pool")),
        *(("se_bottleneck", None), ("preact_basic", None), ("own", None), ("mean_pool", None)),
    ],
)
def test_a_name_of_its_own_is_no_slip_of_the_pen(name: str, guess: str | None) -> None:
    assert meant(name, NAMES) == guess
