"""A world model that is written down instead of trained: its latents are the dot's place in px."""

import jax
import jax.numpy as jnp
from jopa_agent.agent.jepa.layers import Dense
from jopa_agent.agent.jepa.model import WorldModel


class PerfectCell:
    """Moves a place by a step, but not through the wall that the scene tells of."""

    def __call__(self, state, scene, action):
        wall_x, door_y = scene[..., 0], scene[..., 1]
        after = jnp.clip(state + action, 4.3, 59.7)
        side = jnp.where(state[..., 0] < wall_x, -1.0, 1.0)
        in_door = (abs(after[..., 1] - door_y) < 4) & (abs(state[..., 1] - door_y) < 4)
        face, x = wall_x + side * 1.3, after[..., 0]
        stopped = jnp.where(side < 0, jnp.minimum(x, face), jnp.maximum(x, face))
        return jnp.stack([jnp.where(in_door, x, stopped), after[..., 1]], axis=-1)


jax.tree_util.register_pytree_node(PerfectCell, lambda _: ((), None), lambda *_: PerfectCell())

_SAME = (Dense(jnp.eye(2), jnp.zeros(2)),)
PERFECT = WorldModel(dots=None, walls=None, embed=_SAME, cell=PerfectCell(), head=_SAME)  # type: ignore[arg-type]
