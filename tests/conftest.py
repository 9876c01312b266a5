"""Settings of all tests."""

import gc
import os
import sys
from pathlib import Path

import platformdirs
import pytest

# What one test has compiled, the next finds, in another worker and in processes of runs, too.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", platformdirs.user_cache_dir("jopa-agent"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# As the agent's own processes compute, lest a sum is made in another order here; see jax_setup.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_cpu_use_fusion_emitters=false"
)

from hypothesis import HealthCheck, settings

# A machine may be busy: no test fails for being slow. A property is tried on 50 examples.
settings.register_profile(
    "patient",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

_COMPILED_IN_HASTE = ("discrete", "encoders", "graph")
_MOST_MAPS = 20_000  # Linux allows a process 65,530, and some are of other things


@pytest.fixture(autouse=True, scope="module")
def _compiled_code(request: pytest.FixtureRequest) -> None:
    """Compile in haste, with little optimisation, where most of the time is compiling and nothing
    is compared to the bit with another process. Let go of what jax has compiled where the next is
    to be compiled otherwise, or where it takes too many of the process's memory maps: at their
    limit the process is aborted."""
    hasty = request.path.parent.name in _COMPILED_IN_HASTE
    if hasty or "jax" in sys.modules:
        import jax

        if jax.config.read("jax_disable_most_optimizations") != hasty or _maps() > _MOST_MAPS:
            jax.clear_caches()
            gc.collect()
        jax.config.update("jax_disable_most_optimizations", hasty)


def _maps() -> int:
    maps = Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else 0
