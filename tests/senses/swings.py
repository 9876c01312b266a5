"""Swings of the pendulum under random torques: what was seen, believed, and true."""

from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jopa_agent.agent.graph.layer import layer_of
from jopa_agent.agent.graph.precise import compiled
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.learning.lessons_of_run import pairs_of
from jopa_agent.agent.learning.sensor_fit import fit
from jopa_agent.agent.model import Model
from jopa_agent.agent.observe import observe
from jopa_agent.agent.senses.factors import Taught
from jopa_agent.agent.senses.fusion import fuse
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum
from jopa_agent.transport.messages import Belief, Frame, Header, Message, Reading
from jopa_agent.transport.recording import Recorded

SETTINGS = settings_from(read_preset("pendulum"), {"run": {"seed": 11}})
TICK_NS = 50_000_000
BEGIN_NS = 7_000_000_000
NOISE = {"rate": 0.05, "direction": 0.02}

look = jax.jit(observe)
listen = compiled(fuse)


@cache
def model() -> Model:
    return load_model(shipped_model("pendulum"), SETTINGS.body)


@cache
def pendulum() -> Pendulum:
    body = make_body("pendulum", Camera(SETTINGS.body.camera_crop_px, SETTINGS.body.camera_size_px))
    assert isinstance(body, Pendulum)
    return body


def measured(sensor: str, state: np.ndarray, age: float, rng: np.random.Generator) -> np.ndarray:
    """A reading of the angle's rate or direction, ``age`` ticks before ``state``."""
    angle, rate = state[0] - age * TICK_NS * 1e-9 * state[1], state[1]
    exact = [rate] if sensor == "rate" else [np.cos(angle), np.sin(angle)]
    return np.asarray(exact + NOISE[sensor] * rng.standard_normal(len(exact)), np.float32)


class Swing(NamedTuple):
    """Of each tick: the frame, the control before it, and angle and rate."""

    frames: np.ndarray
    controls: np.ndarray
    states: np.ndarray


@cache
def swing(seed: int, ticks: int = 60) -> Swing:
    """From one of Gymnasium's starts, with torques that are held for some ticks."""
    body, rng = pendulum(), np.random.default_rng(seed)
    frames, controls, states = [body.reset(seed, "gymnasium")], [np.zeros(1, np.float32)], []
    states.append(body.truth().state)
    for tick in range(ticks - 1):
        if tick % 6 == 0:
            control = rng.uniform(-2, 2, 1).astype(np.float32)
        frames.append(body.step(control))
        controls.append(control)
        states.append(body.truth().state)
    return Swing(np.array(frames), np.array(controls), np.array(states))


@cache
def recorded(seeds: range = range(10), ticks: int = 60) -> list[Recorded]:
    """What a run would have recorded in which each swing was an episode, two readings a tick."""
    messages: list[Recorded] = []
    rng, number = np.random.default_rng(0), 0
    start = model().system().prior

    def add(stream: str, message: Message, stamp_ns: int) -> None:
        header = Header(0, len(messages), stamp_ns, number)
        messages.append(Recorded(stream, stamp_ns, header, message))

    for episode in seeds:
        taken, belief = swing(episode, ticks), start
        for tick, (frame, control, state) in enumerate(zip(*taken, strict=True)):
            now = BEGIN_NS + number * TICK_NS
            first, seen = np.bool_(tick == 0), np.bool_(True)
            belief, surprise = look(model(), belief, frame, control, first, seen)
            mean, std = np.asarray(belief.mean), np.asarray(belief.std)
            add("frame", Frame(frame, control, now, episode), now)
            ahead = np.zeros((1, 6), np.float32)
            told = Belief(mean, std, ahead, ahead, mean[:2], 0.0, float(surprise))
            add("belief", told, now)
            for age in (0.7, 0.2):
                for sensor in NOISE:
                    reading = Reading(sensor, measured(sensor, state, age, rng))
                    add("reading", reading, int(now - age * TICK_NS))
            number += 1
    return messages


@cache
def taught(sensor: str) -> Taught:
    """The sense that some swings teach."""
    found = fit(pairs_of(recorded(), sensor, TICK_NS * 1e-9), sensor, model(), (2,))
    return Taught(found.features, layer_of(found.posterior))
