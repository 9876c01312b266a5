"""How jax is set up: what the user has asked for stays."""

import subprocess
import sys

import pytest

_TOLD = """
import os
from jopa_agent.agent.jax_setup import set_up_jax

set_up_jax(one_thread=True)
import jax.numpy as jnp
assert float(jnp.ones((3, 3)).sum()) == 9.0
print(os.environ["XLA_FLAGS"])
"""
_ONE = "--xla_cpu_multi_thread_eigen=false"
_PLAIN = "--xla_cpu_use_fusion_emitters=false"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, f"{_ONE} {_PLAIN}"),
        ("--xla_cpu_enable_fast_math=false", f"--xla_cpu_enable_fast_math=false {_ONE} {_PLAIN}"),
        ("--xla_cpu_multi_thread_eigen=true", f"--xla_cpu_multi_thread_eigen=true {_PLAIN}"),
    ],
)
def test_xla_is_told_how_to_compile_unless_the_user_has_said_otherwise(
    given: str | None, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if given:
        monkeypatch.setenv("XLA_FLAGS", given)
    done = subprocess.run([sys.executable, "-c", _TOLD], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept
