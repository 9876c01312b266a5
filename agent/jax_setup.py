"""How the agent's processes use jax."""

import os

import jax
import platformdirs

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


def set_up_jax(one_thread: bool = False) -> None:
    """Keep compiled functions between starts, and run each call on the thread that makes it.

    They are kept in the user's cache folder, unless the environment names one. Handing a program
    of microseconds to another thread takes longer than to run it; with ``one_thread`` its parts
    are not handed to others, either, for which planning is too small: results are the same to the
    bit, and sooner there. To be called before anything is computed.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if one_thread and "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_ONE_THREAD}".strip()
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jopa-agent"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
