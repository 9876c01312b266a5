"""Writes ``expected_free_energy.json``: cases scored by cpomdp, an independent library.

Run it where cpomdp 0.5 is installed; the tests only read the file it writes. On these cases
cpomdp 0.4.4 returns the same totals to the last bit. Every number that a case needs is written
out. State-dependent noise has one form, ``N(x) = base + |x - centre|² slope``.
"""

import importlib
import json
from pathlib import Path

import numpy as np

Case = dict


def spread(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """A random covariance with eigenvalues near ``scale``."""
    mixing = rng.normal(size=(size, size))
    return scale * (mixing @ mixing.T / size + 0.3 * np.eye(size))


def random_case(
    seed: int, n: int, m: int, p: int, horizon: int, sensing: bool = False, diffusing: bool = False
) -> Case:
    """A stable random model, its plan and its preference, optionally with R(x) and Q(x)."""
    rng = np.random.default_rng(seed)
    dynamics = rng.normal(size=(n, n))
    dynamics *= 0.95 / np.max(np.abs(np.linalg.eigvals(dynamics)))
    case = {
        "dynamics": dynamics,
        "control": rng.normal(size=(n, p)),
        "sensor_model": rng.normal(size=(m, n)),
        "dynamics_noise": spread(rng, n, 0.05),
        "sensor_noise": spread(rng, m, 0.2),
        "prior_mean": rng.normal(size=n),
        "prior_cov": spread(rng, n, 0.5),
        "actions": rng.normal(size=(horizon, p)),
        "preference_mean": rng.normal(size=m),
        "preference_precision": spread(rng, m, 2.0),
    }
    if sensing:
        case["sensor_noise_slope"] = spread(rng, m, 0.3)
        case["sensor_noise_centre"] = rng.normal(size=n)
    if diffusing:
        case["dynamics_noise_slope"] = spread(rng, n, 0.1)
        case["dynamics_noise_centre"] = rng.normal(size=n)
    return case


def hand_made_cases() -> dict[str, Case]:
    """Cases that a reader can follow: a scalar, a point mass, a beacon, edges."""
    scalar = {
        "dynamics": [[1.0]],
        "control": [[1.0]],
        "sensor_model": [[1.0]],
        "dynamics_noise": [[0.1]],
        "sensor_noise": [[0.2]],
        "prior_mean": [0.0],
        "prior_cov": [[0.4]],
        "actions": [[0.5]],
        "preference_mean": [1.0],
        "preference_precision": [[2.0]],
    }
    mass = {
        "dynamics": [[1.0, 0.1], [0.0, 1.0]],
        "control": [[0.0], [0.1]],
        "sensor_model": [[1.0, 0.0]],
        "dynamics_noise": [[1e-6, 0.0], [0.0, 1e-6]],
        "sensor_noise": [[1e-2]],
        "prior_mean": [0.0, 0.0],
        "prior_cov": [[1.0, 0.0], [0.0, 1.0]],
        "actions": [[1.0], [1.0], [0.0], [-1.0], [-1.0]],
        "preference_mean": [1.0],
        "preference_precision": [[1.0]],
    }
    beacon = {
        "dynamics": np.eye(2),
        "control": np.eye(2),
        "sensor_model": np.eye(2),
        "dynamics_noise": 0.01 * np.eye(2),
        "sensor_noise": 0.05 * np.eye(2),
        "sensor_noise_slope": 0.5 * np.eye(2),
        "sensor_noise_centre": [0.0, 2.0],
        "prior_mean": [0.0, 0.0],
        "prior_cov": np.eye(2),
        "preference_mean": [3.0, 0.0],
        "preference_precision": 0.2 * np.eye(2),
    }
    return {
        "scalar, one step": scalar,
        "point mass seen by its position": mass,
        "beacon: straight to the goal": beacon | {"actions": [[1.0, 0.0]] * 3},
        "beacon: detour": beacon | {"actions": [[0.0, 1.0], [0.0, 1.0], [3.0, -2.0]]},
        "no noise in the dynamics, first state partly known": mass
        | {"dynamics_noise": np.zeros((2, 2)), "prior_cov": [[0.5, 0.0], [0.0, 0.0]]},
        "no preference for the second reading": beacon
        | {"actions": [[0.3, -0.2]], "preference_precision": [[1.0, 0.0], [0.0, 0.0]]},
        "sharp sensor, vague belief": scalar
        | {"sensor_noise": [[1e-6]], "prior_cov": [[1e4]], "actions": [[0.5], [-0.25]]},
    }


def cases() -> dict[str, Case]:
    """Every case by name."""
    return hand_made_cases() | {
        "random, one step": random_case(1, n=3, m=2, p=2, horizon=1),
        "random, five steps": random_case(2, n=3, m=2, p=2, horizon=5),
        "random, more readings than states": random_case(3, n=2, m=4, p=1, horizon=4),
        "R(x), one step": random_case(4, n=2, m=2, p=1, horizon=1, sensing=True),
        "R(x), six steps": random_case(5, n=3, m=2, p=2, horizon=6, sensing=True),
        "Q(x), one step": random_case(6, n=2, m=1, p=1, horizon=1, diffusing=True),
        "Q(x), five steps": random_case(7, n=3, m=2, p=2, horizon=5, diffusing=True),
        "R(x) and Q(x), four steps": random_case(
            8, n=4, m=3, p=2, horizon=4, sensing=True, diffusing=True
        ),
    }


def scored(case: Case) -> Case:
    """What cpomdp returns for ``case``: the sums, and every step's parts and moments."""
    cpomdp = importlib.import_module("cpomdp")
    efe = importlib.import_module("cpomdp.efe")

    def noise(name: str):
        base, slope = np.asarray(case[name]), np.asarray(case[f"{name}_slope"])
        centre = np.asarray(case[f"{name}_centre"])
        return lambda x, _: base + ((x - centre) @ (x - centre)) * slope

    prior = cpomdp.Belief(case["prior_mean"], case["prior_cov"])
    given: Case = {"observation_matrix": case["sensor_model"]}
    if "sensor_noise_slope" in case:
        given["observation_model"] = cpomdp.CallableSensor(
            case["sensor_model"], noise("sensor_noise"), None
        )
    else:
        given["observation_noise"] = case["sensor_noise"]
    if "dynamics_noise_slope" in case:
        given["dynamics_noise_model"] = cpomdp.CallableDynamicsNoise(noise("dynamics_noise"), None)
    else:
        given["dynamics_noise"] = case["dynamics_noise"]
    model = cpomdp.LinearGaussianModel(
        case["dynamics"], control_matrix=case["control"], prior=prior, **given
    )
    preference = cpomdp.Preference(case["preference_mean"], case["preference_precision"])
    actions = np.asarray(case["actions"])
    total = efe.policy_efe(model, prior, actions, preference)
    trace = efe.policy_efe_trace(model, prior, actions, preference)
    steps = ("g", "pragmatic", "epistemic", "predicted_mean", "predicted_cov")
    return {"total": total.g} | {f"{name}_of_steps": getattr(trace, name) for name in steps}


def plain(value: object) -> object:
    """``value`` with every array as nested lists of float64."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value if isinstance(value, str) else np.asarray(value, dtype=np.float64).tolist()


def lines(value: object, depth: int = 0) -> str:
    """JSON with an array on one line."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    inside = " " * (depth + 1)
    rows = [f"{inside}{json.dumps(key)}: {lines(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"


def main() -> None:
    """Score every case and write the file beside this one."""
    version = importlib.import_module("cpomdp").__version__
    written = {
        "made_by": f"cpomdp {version}, float64, policy_efe and policy_efe_trace",
        "noise": "N(x) = base + |x - centre|² slope, read at the predicted (arrived) mean",
        "cases": {
            name: {"given": plain(case), "cpomdp": plain(scored(case))}
            for name, case in cases().items()
        },
    }
    path = Path(__file__).parent / "expected_free_energy.json"
    path.write_text(lines(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
