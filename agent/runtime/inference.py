"""Inference: from each frame to a belief and a plan. The one process that imports jax."""

from ...transport.clock import NS_PER_MS, now_ns
from ...transport.messages import (
    FIRST_EPOCH,
    Belief,
    Do,
    Frame,
    Fused,
    Goal,
    Header,
    Order,
    Plan,
    Reading,
    Sighting,
)
from ..jax_setup import set_up_jax
from ..kinds import load_mind
from ..mind import Step
from ..switch import Switch
from .imagery import Imagery
from .process import Child


def main(child: Child) -> None:
    """Run the filter over every frame in order, plan, and publish both; readings of remote sensors
    are taken in as they come, and what a person orders."""
    launch = child.launch
    child.report("loading the model")
    set_up_jax(one_thread=True)
    mind = load_mind(launch.model, launch.settings, launch.factors)
    child.report("compiling")
    mind.compile()
    imagery = Imagery(child, mind)
    mind.set_goal(launch.goal)
    epoch, episode = FIRST_EPOCH, None
    learning = Switch(launch.settings.run.learn)
    heard = Heard()

    child.start()
    for header, message, _ in child.messages():
        match message:
            case Frame(image=image) if image.shape == launch.body.frame_shape:
                # a frame of another size leaves a gap, which the next one counts
                if episode == message.episode:
                    child.counters.dropped_frames += header.tick - child.tick - 1
                child.tick = header.tick
                if episode not in (None, message.episode):
                    mind.begin_episode()
                episode = message.episode
                received_ns = now_ns()
                seen = image if launch.settings.run.camera else None
                step = mind.step(seen, message.control, header.stamp_ns)
                _publish(child, header, epoch, received_ns, step)
                if launch.settings.sensors:
                    child.publish("fused", heard.told(mind.late), header.tick, epoch)
                if learning.on_at(header.tick):
                    mind.learn()
                imagery.show(header)
            case Goal(image=image) if image.shape == launch.body.frame_shape:
                if header.epoch > epoch:
                    mind.set_goal(image)
                    epoch = header.epoch
            case Order(what=Do.LEARN, value=value):
                learning.turn(header.tick, value > 0)
            case Reading(sensor=name, value=value) | Sighting(sensor=name, image=value):
                mind.hear(name, value, header.stamp_ns)
                heard.note(header, message)


class Heard:
    """Which readings and sightings came between two frames; see :class:`Fused`."""

    def __init__(self) -> None:
        self._spans: dict[type, tuple[int, int]] = {}

    def note(self, header: Header, message: Reading | Sighting) -> None:
        first, _ = self._spans.get(type(message), (header.sequence, 0))
        self._spans[type(message)] = first, header.sequence

    def told(self, late: int) -> Fused:
        """What there is to tell, once."""
        spans, self._spans = self._spans, {}
        nothing = (-1, -1)
        return Fused(*spans.get(Reading, nothing), *spans.get(Sighting, nothing), late)


def _publish(child: Child, frame: Header, epoch: int, received_ns: int, step: Step) -> None:
    plan = Plan(
        controls=step.controls,
        received_ns=received_ns,
        filter_ms=step.filter_ns / NS_PER_MS,
        plan_ms=step.plan_ns / NS_PER_MS,
        free_energy=step.free_energy,
    )
    belief = Belief(
        mean=step.mean,
        std=step.std,
        planned_mean=step.planned_mean,
        planned_std=step.planned_std,
        goal=step.goal,
        distance=step.distance,
        surprise=step.surprise,
    )
    child.publish("plan", plan, frame.tick, epoch, frame.stamp_ns)
    child.publish("belief", belief, frame.tick, epoch, frame.stamp_ns)
