"""Inference: from each frame to a belief and a plan. The one process that imports jax."""

from ...transport.clock import NS_PER_MS, now_ns
from ...transport.messages import FIRST_EPOCH, Belief, Frame, Goal, Header, Plan
from ..jax_setup import set_up_jax
from ..mind import Step, load_mind
from .process import Child


def main(child: Child) -> None:
    """Run the filter over every frame in order, plan, and publish both."""
    launch = child.launch
    child.report("loading the model")
    set_up_jax()
    mind = load_mind(launch.model, launch.settings)
    child.report("compiling")
    mind.compile()
    mind.set_goal(launch.goal)
    epoch, episode = FIRST_EPOCH, None

    child.start()
    for header, message, _ in child.messages():
        if not isinstance(message, Frame | Goal) or message.image.shape != launch.body.frame_shape:
            continue  # a frame of another size leaves a gap, which the next one counts
        if isinstance(message, Frame):
            if episode == message.episode:
                child.counters.dropped_frames += header.tick - child.tick - 1
            child.tick = header.tick
            if episode not in (None, message.episode):
                mind.begin_episode()
            episode = message.episode
            received_ns = now_ns()
            step = mind.step(message.image, message.control)
            _publish(child, header, epoch, received_ns, step)
            if launch.settings.run.learn:
                mind.learn()
        elif header.epoch > epoch:
            mind.set_goal(message.image)
            epoch = header.epoch


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
