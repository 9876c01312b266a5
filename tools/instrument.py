"""A remote sensor of one's own, here of the simulated pendulum: its angle, or its angle's rate.

    jopa-agent run pendulum --listen tcp://127.0.0.1:5600 --run.instruments yes \\
        --sensor rate,size=1,rate_hz=20,units=rad/s --out runs/with-rate
    python tools/instrument.py rate --run runs/with-rate --connect tcp://127.0.0.1:5600

A real one would read its hardware where this one reads the run's true state, which
``run.instruments`` opens to it.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import zmq
from jopa_agent.transport import Sensor
from jopa_agent.transport.messages import Truth
from jopa_agent.transport.sockets import subscriber
from jopa_agent.transport.streams import Subscriber

parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
parser.add_argument("name", choices=("angle", "rate"), help="what it measures")
parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="of the run")
parser.add_argument("--connect", required=True, metavar="ADDRESS", help="of the agent")
parser.add_argument("--noise", type=float, default=0.02, metavar="NUMBER", help="sd [0.02]")
parser.add_argument("--server-key", default="", metavar="KEY", help="of the agent's host")
parser.add_argument("--keys", default="", metavar="FOLDER", help="of this host's keys")
options = parser.parse_args()

measure = {"angle": lambda a, _: (math.cos(a), math.sin(a)), "rate": lambda _, rate: (rate,)}
size, units = (2, "") if options.name == "angle" else (1, "rad/s")
where = options.run / "instruments.txt"
if not where.exists():
    parser.error(f"no {where}: is the run going on, and with --run.instruments yes?")
folder = Path(where.read_text().strip())
body = Subscriber(subscriber(zmq.Context(), folder, ("truth",), "instrument"), Truth)
noise = np.random.default_rng(0)
keys = {"server_key": options.server_key, "keys": options.keys}
with Sensor(options.connect, options.name, size, 20, units, **keys) as sensor:
    while body.socket.poll(5000):
        for header, truth, _ in body.waiting():
            assert isinstance(truth, Truth)
            value = np.array(measure[options.name](*truth.state))
            sensor.send(value + options.noise * noise.normal(size=size), header.stamp_ns)
