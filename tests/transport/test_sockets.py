"""Sockets: their options, and what arrives through them."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from jopa_agent.transport import sockets
from jopa_agent.transport.codec import MAX_MESSAGE, encode
from jopa_agent.transport.messages import Command, Header, Origin, Stop
from jopa_agent.transport.streams import Publisher, Received, Subscriber

TIMEOUT_MS = 10_000


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jopa-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def command(value: float) -> Command:
    return Command(np.array([value], np.float32), Origin.PLAN, 7)


def next_from(subscriber: Subscriber) -> Received:
    """The next message that ``subscriber`` accepts."""
    while subscriber.socket.poll(TIMEOUT_MS):
        for received in subscriber.waiting():
            return received
    raise TimeoutError("nothing arrived")


def connect(publisher: Publisher) -> None:
    """Wait until the test is known to read: from then on nothing is lost."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while "test" not in publisher.readers():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize(
    "make",
    [
        lambda context, folder: sockets.publisher(context, folder, "frame"),
        lambda context, folder: sockets.subscriber(context, folder, ("frame",), "test"),
        lambda context, folder: sockets.control_centre(context, folder),
        lambda context, folder: sockets.control_line(context, folder, "viewer"),
    ],
    ids=["publisher", "subscriber", "control centre", "control line"],
)
def test_every_socket_is_bounded(
    make: Callable[[zmq.Context, Path], zmq.Socket], context: zmq.Context, folder: Path
) -> None:
    socket = make(context, folder)
    assert socket.getsockopt(zmq.LINGER) == 0
    assert socket.getsockopt(zmq.SNDHWM) == sockets.QUEUE
    assert socket.getsockopt(zmq.RCVHWM) == sockets.QUEUE
    assert socket.getsockopt(zmq.MAXMSGSIZE) == MAX_MESSAGE


def test_the_publisher_binds_a_socket_file(context: zmq.Context, folder: Path) -> None:
    sockets.publisher(context, folder, "frame")
    assert (folder / "frame").is_socket()


def test_a_path_that_is_too_long_is_told(context: zmq.Context, folder: Path) -> None:
    with pytest.raises(ValueError, match="TMPDIR"):
        sockets.publisher(context, folder / ("a" * 120), "frame")


def test_nothing_is_lost_to_a_reader_that_is_known(context: zmq.Context, folder: Path) -> None:
    subscriber = Subscriber(sockets.subscriber(context, folder, ("command",), "test"), Command)
    publisher = Publisher(sockets.publisher(context, folder, "command"), source=3)
    connect(publisher)
    for tick in range(500):
        publisher.send(command(tick), tick, epoch=2, stamp_ns=tick)
    for tick in range(500):
        header, message, _ = next_from(subscriber)
        assert (header.source, header.tick, header.epoch, header.stamp_ns) == (3, tick, 2, tick)
        assert isinstance(message, Command)
        assert message.control[0] == tick


def test_sequence_numbers_rise_by_one(context: zmq.Context, folder: Path) -> None:
    subscriber = Subscriber(sockets.subscriber(context, folder, ("command",), "test"), Command)
    publisher = Publisher(sockets.publisher(context, folder, "command"), source=3)
    connect(publisher)
    publisher.send(command(0))
    first = next_from(subscriber).header
    publisher.send(command(0))
    assert next_from(subscriber).header.sequence == first.sequence + 1
    assert first.stamp_ns > 0


def test_what_is_malformed_or_of_another_type_is_dropped_and_counted(
    context: zmq.Context, folder: Path
) -> None:
    subscriber = Subscriber(sockets.subscriber(context, folder, ("command",), "test"), Command)
    socket = sockets.publisher(context, folder, "command")
    publisher = Publisher(socket, source=3)
    connect(publisher)
    socket.send(b"not a message")
    socket.send(encode(Header(0, 0, 0), command(0))[:-1])
    publisher.send(Stop())
    publisher.send(command(5))
    _, message, _ = next_from(subscriber)
    assert isinstance(message, Command)
    assert subscriber.malformed == 3


def test_a_flood_is_read_in_batches(context: zmq.Context, folder: Path) -> None:
    subscriber = Subscriber(sockets.subscriber(context, folder, ("command",), "test"), Command)
    publisher = Publisher(sockets.publisher(context, folder, "command"), source=3)
    connect(publisher)
    for _ in range(400):
        publisher.send(command(0))
    assert subscriber.socket.poll(TIMEOUT_MS)
    assert 1 <= len(list(subscriber.waiting())) <= 100


def test_the_control_channel_names_the_process(context: zmq.Context, folder: Path) -> None:
    centre = sockets.control_centre(context, folder)
    line = sockets.control_line(context, folder, "viewer")
    Publisher(line, source=4).send(Stop())
    assert centre.poll(TIMEOUT_MS)
    name, _ = centre.recv_multipart()
    assert name == b"viewer"
    orders = Subscriber(line, Stop)
    centre.send_multipart([name, encode(Header(0, 0, 0), Stop())])
    assert isinstance(next_from(orders).message, Stop)


def test_a_message_for_nobody_does_not_block(context: zmq.Context, folder: Path) -> None:
    publisher = Publisher(sockets.publisher(context, folder, "frame"), source=1)
    for _ in range(2 * sockets.QUEUE):
        publisher.send(Stop())
    centre = sockets.control_centre(context, folder)
    centre.send_multipart([b"nobody", encode(Header(0, 0, 0), Stop())], zmq.NOBLOCK)
    assert not centre.poll(0)
