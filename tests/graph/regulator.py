"""Oracle: the linear-quadratic regulator, the limit of planning without noise."""

from collections.abc import Mapping

import numpy as np

from .dense import Chain


def lqr(
    model: Chain, goals: Mapping[int, tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finite-horizon regulator: gains ``(H, p, n)``, constants ``(H, p)``, controls ``(H, p)``.

    Minimises ``sum |x_t - goal_t|²_weight / 2 + sum |u_t - action_t|²_{action_cov⁻¹} / 2`` without
    noise from ``x_0 = mean``, with ``goals[t] = (goal, weight)``, by the Riccati recursion for the
    value ``xᵀ P x / 2 - qᵀ x`` (Bertsekas, Dynamic Programming and Optimal Control I, section
    4.1). The law is ``u_t = gain_t x_t + constant_t``.
    """
    assert model.action_cov is not None
    n, horizon = len(model.mean), model.steps - 1
    nothing = (np.zeros(n), np.zeros((n, n)))
    goal, value = goals.get(horizon, nothing)
    slope = value @ goal
    law = []
    for t in reversed(range(horizon)):
        along, control, offset = model.along[t], model.control[t], model.offset[t]
        effort = np.linalg.inv(model.action_cov[t])
        curvature = effort + control.T @ value @ control
        gain = -np.linalg.solve(curvature, control.T @ value @ along)
        pull = effort @ model.action[t] + control.T @ (slope - value @ offset)
        law.append((gain, np.linalg.solve(curvature, pull)))
        goal, weight = goals.get(t, nothing)
        slope = weight @ goal + along.T @ (slope - value @ (control @ law[-1][1] + offset))
        closed = along + control @ gain
        value = weight + closed.T @ value @ closed + gain.T @ effort @ gain
    law.reverse()
    state, controls = model.mean, []
    for t, (gain, constant) in enumerate(law):
        controls.append(gain @ state + constant)
        state = model.along[t] @ state + model.control[t] @ controls[t] + model.offset[t]
    gains, constants = zip(*law, strict=True)
    return np.stack(gains), np.stack(constants), np.stack(controls)
