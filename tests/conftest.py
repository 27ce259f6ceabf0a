"""Settings that hold for every test."""

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

# Derandomized: a failure seen in CI is the failure seen at home. Building a model takes as long as
# it takes on a busy machine, so time is no reason to fail an example.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES", "20")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

# With the oldest versions there is no JAX: see `dev` in pyproject.toml.
if find_spec("flax") is None:
    collect_ignore = ["test_jax.py", "unit/backends/test_jax_operators.py"]

# Most of what the tests have JAX compile runs once: making it fast takes longer than running it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# pytest-xdist runs one worker a core, and torch in each would start one thread a core again. This
# is torch.set_num_threads(1) without importing torch; commands run by a test inherit it as well.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
