"""Training without labels: what is learned, that it goes on where it ended, and its commands."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.cli import main
from jopa_agent.agent.discrete import extra
from jopa_agent.agent.discrete.checkpoint import load_trained, read_log, read_page
from jopa_agent.agent.discrete.model import DiscreteModel, self_showing
from jopa_agent.agent.discrete.objective import terms
from jopa_agent.agent.discrete.training import as_seen, first_layers, train
from jopa_agent.agent.encoders.categorical import encoder_for
from jopa_agent.configs.sections import Discrete
from jopa_agent.envs.line_trajectories import draw_trajectories
from jopa_agent.envs.line_world import transition_matrix

SMALL = Discrete(trajectories=200, steps=100, batch=16, width=8)


def known() -> DiscreteModel:
    return DiscreteModel(self_showing(5, 1e-4), transition_matrix())


def test_the_gradient_goes_through_the_inference():
    """A sensitive direction of the encoder's weights, against a difference quotient."""
    seen = as_seen(*draw_trajectories(0, 40, 4)[0])
    layers = first_layers(2, known(), SMALL, 0)
    encoder = encoder_for(seen.emissions, layers, 1.0)

    def loss(layers):
        return terms(encoder.with_layers(layers), known(), *seen).loss(2.0)

    loss = jax.jit(loss)
    slope = jax.jit(jax.grad(loss))(layers)
    size = sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(slope))
    assert size > 1e-3

    def at(step):
        return float(loss(jax.tree.map(lambda x, g: x + step * g, layers, slope)))

    assert (at(1e-3) - at(-1e-3)) / 2e-3 == pytest.approx(size, rel=0.02)


def test_a_training_that_was_cut_off_ends_the_same(tmp_path: Path):
    seen = as_seen(*draw_trajectories(3, SMALL.trajectories, 6)[0])
    whole, _, log = train(seen, known(), SMALL, 3, tmp_path / "whole", lambda *_: None)

    def cut(step: int, _: float) -> None:
        if step == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(seen, known(), SMALL, 3, tmp_path / "cut", cut)
    steps = []
    again, _, log_again = train(
        seen, known(), SMALL, 3, tmp_path / "cut", lambda step, _: steps.append(step)
    )
    assert steps == [100]
    assert log_again == log
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        assert jnp.array_equal(one, other)


def test_train_and_evaluate(trained_folder: Path, tmp_path: Path):
    """With few steps already near what is possible: ceilings are those of the same draws."""
    file, page = tmp_path / "figures.json", tmp_path / "report.html"
    words = ["--model", str(trained_folder), "--starts", "200", "--seconds", "5"]
    assert main(["evaluate", "lineworld", *words, "--json", str(file), "--report", str(page)]) == 0
    found = json.loads(file.read_text())
    assert found["encoder_accuracy"] > found["bayes_ceiling"] - 0.02
    assert found["bayes_ceiling"] == pytest.approx(0.940, abs=0.008)
    assert found["filter_ceiling"] == pytest.approx(0.976, abs=0.006)
    assert found["smoother_ceiling"] == pytest.approx(0.989, abs=0.004)
    assert found["state_accuracy"] > found["filter_ceiling"] - 0.02
    assert found["unaligned_state_accuracy"] == found["state_accuracy"]
    assert found["untrained_state_accuracy"] < 0.7
    assert found["reached_fraction"] > 0.98
    assert found["noisy_reached_at_best"] == pytest.approx(0.8316, abs=1e-4)
    assert abs(found["noisy_reached_fraction"] - found["noisy_reached_at_best"]) < 0.14
    assert page.read_text().count("data:image/png") == 4
    log = read_log(trained_folder)
    assert log["step"][-1] == read_page(trained_folder)["settings"]["discrete"]["steps"] == 400
    np.testing.assert_allclose(
        log["loss"],
        log["free_energy"] - log["alone"] + log["consistency"] * log["divergence"],
        atol=1e-3,
    )


def test_matrices_are_learned_beside_the_encoder(tmp_path: Path):
    file = tmp_path / "figures.json"
    words = ["--discrete.learn", "B", "--discrete.steps", "400", "--seed", "2"]
    words += ["--discrete.trajectories", "800"]
    assert main(["train", "lineworld", "--out", str(tmp_path / "m"), *words]) == 0
    words = ["--model", str(tmp_path / "m"), "--starts", "50", "--seconds", "5"]
    assert main(["evaluate", "lineworld", *words, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    vague = np.abs(transition_matrix(0.6) - transition_matrix()).max()
    assert found["transition_error"] < 0.2 * vague
    assert found["state_accuracy"] > found["filter_ceiling"] - 0.02


def test_the_shipped_agent_is_loaded():
    from jopa_agent.configs.settings import shipped_model

    trained = load_trained(shipped_model("lineworld"))
    assert trained.encoder.categories == trained.model.states == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "lineworld", "--out", "x", "--dataset", "y"], "--dataset"),
        (["train", "lineworld", "--out", "x", "--discrete.steps", "0"], "discrete.steps = '0'"),
        (["evaluate", "lineworld", "--model", "none"], "no model in folder 'none'"),
        (["evaluate", "lineworld", "--kick", "3"], "--kick"),
        (["evaluate", "lineworld", "--learn"], "--learn"),
        (["evaluate", "lineworld", "--body.frame_delay", "1"], "body.frame_delay = 1"),
        (["evaluate", "lineworld", "--goal", "state 9"], "'state 9'"),
        (["evaluate", "lineworld", "--goal", "state 0"], "'state 1' ... 'state 4'"),
        (["evaluate", "lineworld", "--seconds", "0"], "--seconds"),
        (["collect", "lineworld", "--out", "x"], "no 'jopa-agent collect' for lineworld"),
        (["validate", "lineworld"], "no 'jopa-agent validate' for lineworld"),
        (["run", "lineworld", "--model", "none", "--headless"], "no model in folder 'none'"),
        (["run", "lineworld", "--goal", "upright", "--headless"], "'upright'"),
        (["run", "pendulum", "--model", "line", "--headless"], "format"),
        (
            ["run", "lineworld", "--model", "pole", "--headless"],
            "where 'discrete' is wanted",
        ),
    ],
)
def test_a_mistake_gets_one_line(words, said, tmp_path, monkeypatch, capsys):
    from jopa_agent.configs.settings import shipped_model

    monkeypatch.chdir(tmp_path)
    for name, model in (("line", "lineworld"), ("pole", "pendulum")):
        (tmp_path / name).symlink_to(shipped_model(model))
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_without_the_extra_a_line_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    def missing(name: str):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(extra, "import_module", missing)
    assert main(["train", "lineworld", "--out", str(tmp_path / "m")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "pip install 'jopa-agent[discrete]'" in lines[0]
