"""What networks are compiled to: for each framework, how operators are printed and recognised."""

from typing import Final

NAMES: Final = ("torch", "jax")
"""The back ends that come with the package: `archcompiler.backends.backend` has them by name."""
