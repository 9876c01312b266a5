"""How the agent's processes use jax."""

import os

import jax
import platformdirs

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
_PLAIN_EMITTERS = "--xla_cpu_use_fusion_emitters=false"


def set_up_jax(one_thread: bool = False) -> None:
    """Keep compiled functions between starts, and run each call on the thread that makes it.

    They are kept in the user's cache folder, unless the environment names one. Handing a program
    of microseconds to another thread takes longer than to run it; with ``one_thread`` its parts
    are not handed to others, either, for which planning is too small: results are the same to the
    bit, and sooner there. XLA's fusion emitters are left out: programs as small as these run as
    fast without them, and compile in two thirds of the time. To be called before anything is
    computed; what the environment's ``XLA_FLAGS`` say of either stays.
    """
    flags = os.environ.get("XLA_FLAGS", "").split()
    for flag in (_ONE_THREAD, _PLAIN_EMITTERS) if one_thread else (_PLAIN_EMITTERS,):
        if not any(each.startswith(flag.partition("=")[0]) for each in flags):
            flags.append(flag)
    os.environ["XLA_FLAGS"] = " ".join(flags)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jopa-agent"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
