"""Settings of all tests."""

import os

import platformdirs

# What one test has compiled, the next finds, in another worker and in processes of runs, too.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", platformdirs.user_cache_dir("jopa-agent"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# As the agent's own processes compute, lest a sum is made in another order here; see jax_setup.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

from hypothesis import HealthCheck, settings

# A machine may be busy: no test fails for being slow. A property is tried on 50 examples.
settings.register_profile(
    "patient",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")
