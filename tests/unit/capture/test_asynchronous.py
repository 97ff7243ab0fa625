"""Capture in an event loop: nothing waits for a disk, and conversations hold across threads."""

import asyncio
import inspect
import time

from feedwheel_capture import AsyncCapture, Capture

from tests.unit.capture.test_client import ASKED, settings, written


def test_a_conversation_of_two_tasks(tmp_path):
    async def talk(capture, user):
        with capture.conversation(user=user, conversation_id=f"of-{user}"):
            answered = await capture.generation(ASKED, "On its way.", model="m")
            await asyncio.sleep(0.01)  # the other task goes on
            await capture.thumbs(answered.response_id, up=True)

    async def main():
        async with AsyncCapture(settings=settings(tmp_path), raise_errors=True) as capture:
            await asyncio.gather(talk(capture, "ann"), talk(capture, "bob"))
            assert capture.stats.recorded == 4

    asyncio.run(main())
    events = [event["data"] for event in written(tmp_path)]
    assert sorted(event["conversation_id"] for event in events) == ["of-ann", "of-ann", "of-bob", "of-bob"]
    assert len({event["user_key"] for event in events}) == 2


def test_a_slow_disk_holds_up_no_other_task(tmp_path):
    async def main():
        async with AsyncCapture(settings=settings(tmp_path), raise_errors=True) as capture:
            outbox = capture.capture._outbox
            store, outbox.record = outbox.record, lambda *event: (time.sleep(0.3), store(*event))[1]
            recording = asyncio.gather(*(capture.thumbs(f"r{number}", up=True, user="ann") for number in range(2)))
            ticks = 0
            while not recording.done():
                await asyncio.sleep(0.01)
                ticks += 1
            return ticks, await recording

    ticks, ids = asyncio.run(main())
    assert ticks > 20
    assert [event["id"] for event in written(tmp_path)] == ids  # in the order in which they were said


def test_it_has_every_method_of_capture():
    public = {name for name, _ in inspect.getmembers(Capture) if not name.startswith("_")}
    assert public <= set(dir(AsyncCapture))
