"""What every process does beside its work."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from jopa_agent.agent.runs.launch import Launch
from jopa_agent.agent.runtime.process import Child
from jopa_agent.envs import BodySpec
from jopa_agent.transport import sockets
from jopa_agent.transport.messages import Plan
from jopa_agent.transport.streams import Publisher

PLANS, WORK_S, REPORT_S = 20, 0.02, 0.05


def test_who_works_off_what_has_piled_up_is_heard_of_meanwhile(place: Any) -> None:
    limit, folder = np.ones(1, np.float32), place.temporary
    spec = BodySpec("arm", 0.05, -limit, limit, 0 * limit, (4, 4, 1))
    settings = place.settings()
    runtime = settings.runtime.model_copy(update={"health_period_s": REPORT_S})
    settings = settings.model_copy(update={"runtime": runtime})
    launch = Launch(settings, spec, Path("/models"), np.zeros((4, 4, 1), np.uint8))
    context = zmq.Context()
    centre = sockets.control_centre(context, folder)
    plans = Publisher(sockets.publisher(context, folder, "plan"), 2)
    child = Child("actuation", launch, folder, None)
    try:
        starting = child.starting()
        while "actuation" not in plans.readers():
            next(starting)
        for tick in range(PLANS):
            plans.send(Plan(limit[None], 0, 1.0, 1.0, 1.0), tick)
        time.sleep(0.2)  # all are there before the first is read
        while centre.poll(0):
            centre.recv_multipart()
        for _, _ in zip(range(PLANS), child.messages(), strict=False):
            time.sleep(WORK_S)
        heard = 0
        while centre.poll(50):
            heard += len(centre.recv_multipart()) > 0
        assert heard >= PLANS * WORK_S / REPORT_S / 2
    finally:
        child.close()
        context.destroy(linger=0)
