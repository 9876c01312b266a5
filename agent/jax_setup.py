"""How the agent's processes use jax."""

import os

import jax
import platformdirs


def set_up_jax() -> None:
    """Keep compiled functions between starts, and run each call on the thread that makes it.

    They are kept in the user's cache folder, unless the environment names one. Handing a program
    of microseconds to another thread takes longer than to run it. To be called before anything is
    computed.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jopa-agent"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
