from torch import nn

from archcompiler.language.reserved import MODULE, why_reserved


def test_a_step_cannot_hide_an_attribute_of_a_module() -> None:
    attributes = {name for name in dir(nn.Module()) if name[:1] != "_" and name.islower()}
    assert attributes - MODULE == set()


def test_the_names_that_zoo_blocks_have_are_free() -> None:
    assert not any(map(why_reserved, ("conv1", "norm", "relu", "pool", "gate", "mask", "x1")))
