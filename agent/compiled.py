"""Compiled functions are kept between starts, so that only the first one has to wait."""

import os

import jax
import platformdirs


def keep_what_is_compiled() -> None:
    """Store compiled functions in the user's cache folder, unless the environment names one."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jopa-agent"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
