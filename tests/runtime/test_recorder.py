"""The recorder: bounded, and no trouble for the run."""

from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.runtime.recorder import Keeper
from jopa_agent.transport.codec import encode
from jopa_agent.transport.messages import Frame, Header
from jopa_agent.transport.recording import Recording
from jopa_agent.transport.streams import Received


def received(tick: int) -> Received:
    image = np.random.default_rng(tick).integers(0, 256, (64, 64, 1), dtype=np.uint8)
    header, frame = Header(1, tick, 0, tick), Frame(image, np.zeros(1, np.float32), 0, 0)
    return Received(header, frame, encode(header, frame))


def test_a_recording_keeps_its_newest_parts(tmp_path: Path) -> None:
    limit = 400_000
    keeper = Keeper(tmp_path, {}, limit)
    keeper.begin()
    for tick in range(300):
        keeper.add(received(tick))
    keeper.close()
    assert keeper.trouble is None
    files = sorted(tmp_path.glob("*.mcap"))
    assert len(files) > 1
    assert sum(file.stat().st_size for file in files) < 1.5 * limit
    ticks = [each.header.tick for each in Recording(tmp_path)]
    assert ticks == list(range(ticks[0], 300))
    assert ticks[0] > 0


def test_another_recorder_goes_on_in_another_part(tmp_path: Path) -> None:
    for start in (0, 10):
        keeper = Keeper(tmp_path, {}, 10**8)
        keeper.begin()
        for tick in range(start, start + 10):
            keeper.add(received(tick))
        keeper.close()
    assert [each.header.tick for each in Recording(tmp_path)] == list(range(20))


@pytest.mark.parametrize("place", ["/dev/full/x", "/nowhere"])
def test_where_nothing_can_be_written_the_reason_is_kept(place: str) -> None:
    keeper = Keeper(Path(place), {}, 10**8)
    keeper.begin()
    assert keeper.trouble
    keeper.add(received(0))
    keeper.close()


def test_a_full_disk_ends_the_recording_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(tmp_path, {}, 10**8)
    keeper.begin()
    assert keeper._writer is not None
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(keeper._writer._writer, "_Writer__stream", full)
        for tick in range(100):
            keeper.add(received(tick))
    assert keeper.trouble == "No space left on device"
    keeper.close()
