"""What other frameworks call things is no name here, and what it is said to be is one."""

from __future__ import annotations

import re

from archcompiler.language.definition import WIRING
from archcompiler.language.elsewhere import KEYS, OPERATORS
from archcompiler.language.library import Library
from archcompiler.language.naming import MEANT
from archcompiler.ops.registry import operator_names, operators


def test_names_of_elsewhere() -> None:
    here = {*operator_names(), *Library().names(), *MEANT}
    assert not here & {*OPERATORS}
    assert not {*WIRING} & {*KEYS}
    arguments = {name for operator in operators().values() for name in operator.arguments}
    for help in (*OPERATORS.values(), *KEYS.values()):
        for said in re.findall("`([a-z_]+)`", help):
            assert said in here | arguments | {*WIRING}, help
