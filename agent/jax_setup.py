"""How the agent's processes use jax."""

import os
from importlib.metadata import version

import jax
import platformdirs

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
_PLAIN_EMITTERS = "--xla_cpu_use_fusion_emitters=false"
_KNOWN_TO = "0.10."  # versions of jaxlib: a flag that one does not know ends the process


def set_up_jax(one_thread: bool = False) -> None:
    """Keep compiled functions between starts, and run each call on the thread that makes it.

    They are kept in the user's cache folder, unless the environment names one. Handing a program
    of microseconds to another thread takes longer than to run it; with ``one_thread`` its parts
    are not handed to others, either, for which planning is too small: results are the same to the
    bit, and sooner there. XLA's fusion emitters are left out: programs as small as these run as
    fast without them, and compile in two thirds of the time (with jaxlib 0.10). To be called
    before anything is computed; what the environment's ``XLA_FLAGS`` say of either stays.
    """
    plain = version("jaxlib").startswith(_KNOWN_TO)
    wanted = [_ONE_THREAD] * one_thread + [_PLAIN_EMITTERS] * plain
    flags = os.environ.get("XLA_FLAGS", "")
    missing = [each for each in wanted if each.partition("=")[0] not in flags]
    os.environ["XLA_FLAGS"] = " ".join([*flags.split(), *missing])
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jopa-agent"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
