import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.diagnostics import CompileError
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


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (3, "`padding` must be at most half the kernel, 1, not 2"),
        (0, "`kernel` must be at least 1, not 0"),
    ],
)
def test_a_padding_is_wrong_beside_a_kernel_that_is_one(kernel: int, message: str) -> None:
    pool = {"kernel": kernel, "padding": 2}
    stage = {"channels": 16, "modules": 1, "depth": 1}
    with pytest.raises(CompileError) as wrong:
        archcompiler.compile(tiny_spec(stage, attention={"mask": {"pool": pool}}))
    assert [(d.code, d.message) for d in wrong.value.diagnostics] == [("E204", message)]
