"""A sensor is taught from a recorded run; what cannot be learned from is named."""

from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.learning.errors import DatasetError
from jopa_agent.agent.learning.lessons_of_run import Pairs, pairs_of
from jopa_agent.agent.learning.sensor_fit import fit
from jopa_agent.agent.learning.teach import teach, told
from jopa_agent.agent.runs.launch import Launch, launch_files, write
from jopa_agent.agent.senses.factor_file import digest_of, load_factor
from jopa_agent.configs.settings import shipped_model
from jopa_agent.transport.codec import encode
from jopa_agent.transport.recording import Recorded
from jopa_agent.transport.recording_writer import RecordingWriter

from ..senses.swings import NOISE, SETTINGS, TICK_NS, model, pendulum, recorded

PERIOD_S = TICK_NS * 1e-9


@pytest.fixture(scope="module")
def messages() -> list[Recorded]:
    return recorded(range(6))


@pytest.fixture(scope="module")
def pairs(messages: list[Recorded]) -> Pairs:
    return pairs_of(messages, "direction", PERIOD_S)


@pytest.fixture(scope="module")
def run(messages: list[Recorded], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with these messages."""
    folder = tmp_path_factory.mktemp("run")
    body = body_for(SETTINGS)
    goal = np.zeros(body.spec.frame_shape, np.uint8)
    write(folder, Launch(SETTINGS, body.spec, shipped_model("pendulum"), goal))
    body.close()
    writer = RecordingWriter(folder / "recording-000.mcap", {}, launch_files(folder))
    for each in messages:
        data = encode(each.header, each.message)
        writer.add(each.stream, each.header, each.message, data)
    writer.close()
    return folder


def test_pairs_are_beliefs_at_the_moments_of_the_readings(pairs: Pairs):
    """The first second of an episode is left out, and so are ticks of little certainty."""
    assert 0.9 * 6 * 40 * 2 <= len(pairs.values) <= 6 * 40 * 2
    angles = np.arctan2(pairs.values[:, 1], pairs.values[:, 0])
    shown = np.array([model().encoder(pendulum().picture(angle)) for angle in angles[:40]])
    assert np.sqrt(np.mean((pairs.states[:40, :2] - shown) ** 2)) < 3 * NOISE["direction"]


def test_a_run_teaches_a_sensor(run: Path, tmp_path: Path):
    lines = teach([run], "direction", None, tmp_path / "direction")
    text = "\n".join(lines)
    for words in ("direction, 2 numbers", "learned from", "of 99%", "seen", "degree"):
        assert words in text
    assert str(tmp_path / "direction") in lines[-1]
    factor = load_factor(tmp_path / "direction")
    assert factor.sensor == "direction"
    assert factor.digest == digest_of(model())
    assert min(factor.figures["r2_0"], factor.figures["r2_1"]) > 0.98
    for place in (0, 1):
        assert 0.8 < factor.figures[f"rms_{place}"] / NOISE["direction"] < 3
    assert factor.figures["covered_1"] == pytest.approx(0.9, abs=0.15)
    teach([run], "direction", shipped_model("pendulum"), tmp_path / "again")
    assert load_factor(tmp_path / "again").figures == factor.figures


def test_what_a_recording_lacks_is_named(run: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match=r"no readings of 'speed'.*direction, rate"):
        teach([run], "speed", None, tmp_path / "speed")
    with pytest.raises(ValueError, match="no recording in"):
        teach([tmp_path], "rate", None, tmp_path / "rate")
    with pytest.raises(ValueError, match="no model in folder"):
        teach([run], "rate", tmp_path, tmp_path / "rate")
    assert not list(tmp_path.iterdir())


def test_units_are_those_of_the_readings(pairs: Pairs):
    """Readings in other units, from another zero, are learned as well."""
    plain = fit(pairs, "it", model(), (2,))
    other = fit(pairs._replace(values=1e4 * pairs.values + 5e4), "it", model(), (2,))
    np.testing.assert_allclose(other.scores.r2, plain.scores.r2, atol=1e-3)
    np.testing.assert_allclose(other.scores.rms, 1e4 * plain.scores.rms, rtol=1e-2)
    np.testing.assert_allclose(other.scores.covered, plain.scores.covered, atol=0.02)


def test_the_degree_is_that_of_most_evidence(pairs: Pairs):
    rng = np.random.default_rng(0)
    p, v = pairs.states[:, :1], pairs.states[:, 2:3]
    noise = 0.05 * rng.standard_normal(p.shape)
    line = pairs._replace(values=3 * p - 2 * v + noise)
    assert fit(line, "line", model()).degree == 1
    bent = pairs._replace(values=p**2 + 8 * p * v + noise)
    found = fit(bent, "bent", model())
    assert found.degree == 2
    assert "against it" in told(found, "bent", "m")[2]


def test_poses_of_the_model_at_which_there_was_no_reading_are_told_of(pairs: Pairs):
    swings = fit(pairs, "it", model(), (1,))
    assert swings.scores.seen > 0.75
    half = Pairs(*(np.tile(part[pairs.states[:, 0] > 0], (2, 1)) for part in pairs))
    found = fit(half, "it", model(), (1,))
    assert 0.3 < found.scores.seen < swings.scores.seen - 0.2
    assert any("add a run that goes there" in line for line in told(found, "it", ""))


def test_several_runs_teach_as_one(run: Path, tmp_path: Path):
    once = teach([run], "rate", None, tmp_path / "rate")
    twice = teach([run, run], "rate", None, tmp_path / "rate")
    counts = [int(lines[1].split()[1]) for lines in (once, twice)]
    assert counts[1] == pytest.approx(2 * counts[0], abs=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pairs: Pairs(*(part[:150] for part in pairs)), "150 readings .* 200 are needed"),
        (
            lambda pairs: pairs._replace(values=pairs.values * [1, 0] + [0, 7]),
            "number 1 of .* is 7 all along",
        ),
        (
            lambda pairs: pairs._replace(states=0.01 * pairs.states),
            "the body hardly moved",
        ),
    ],
)
def test_what_teaches_nothing_is_refused(pairs: Pairs, change, said: str):
    with pytest.raises(DatasetError, match=said) as caught:
        fit(change(pairs), "it", model(), (1,))
    assert "\n" not in str(caught.value)


def test_a_sensor_that_says_nothing_of_the_body_is_warned_of(pairs: Pairs):
    noise = np.random.default_rng(0).standard_normal((len(pairs.values), 1))
    found = fit(pairs._replace(values=noise), "it", model(), (1,))
    assert told(found, "it", "")[-1].startswith("warning")
