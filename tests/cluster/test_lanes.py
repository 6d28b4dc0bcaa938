import asyncio

from porter.cluster.lanes import Lanes

Job = tuple[str, int]


def lanes(locks: dict[Job, list[str]] | None = None) -> Lanes[Job]:
    return Lanes(lane=lambda job: job[0], locks=lambda job: (locks or {}).get(job, [str(job)]))


async def take(queue: Lanes[Job]) -> Job | None:
    try:
        return await asyncio.wait_for(queue.take(), 0.02)
    except TimeoutError:
        return None


def test_a_burst_in_one_lane_does_not_starve_another() -> None:
    async def main() -> list[Job]:
        queue = lanes()
        for number in range(1000):
            queue.put(("burst", number))
        queue.put(("one", 0))
        return [await queue.take() for _ in range(3)]

    assert ("one", 0) in asyncio.run(main())


def test_jobs_that_touch_the_same_wait_for_each_other_and_others_do_not() -> None:
    async def main() -> None:
        queue = lanes({("a", 1): ["x"], ("a", 2): ["x"], ("a", 3): ["y"]})
        for number in (1, 2, 3):
            queue.put(("a", number))

        assert await take(queue) == ("a", 1)
        assert await take(queue) == ("a", 3)
        assert await take(queue) is None
        assert len(queue) == 3
        queue.done(("a", 1))
        assert await take(queue) == ("a", 2)

    asyncio.run(main())


def test_a_job_is_queued_once_and_comes_again_when_it_was_put_while_under_way() -> None:
    async def main() -> None:
        queue = lanes()
        queue.put(("a", 1))
        queue.put(("a", 1))
        assert await take(queue) == ("a", 1)
        queue.put(("a", 1))
        assert await take(queue) is None
        queue.done(("a", 1))

        assert await take(queue) == ("a", 1)
        queue.done(("a", 1))
        assert await take(queue) is None
        assert len(queue) == 0

    asyncio.run(main())


def test_what_is_unwanted_is_dropped_wherever_it_waits() -> None:
    async def main() -> None:
        queue = lanes({("a", 1): ["x"], ("a", 2): ["x"], ("b", 1): ["z"]})
        for job in (("a", 1), ("a", 2), ("b", 1)):
            queue.put(job)
        assert await take(queue) == ("a", 1)
        assert await take(queue) == ("b", 1)
        queue.put(("a", 1))
        queue.clear(lambda job: job[0] == "a")
        queue.done(("a", 1))

        assert await take(queue) is None

    asyncio.run(main())


def test_a_job_that_is_settled_comes_again_only_for_what_it_is_put_for_after_that() -> None:
    async def main() -> None:
        queue = lanes()
        queue.put(("a", 1))
        assert await take(queue) == ("a", 1)
        queue.put(("a", 1))
        queue.settle(("a", 1))
        queue.done(("a", 1))
        assert await take(queue) is None

        queue.put(("a", 1))
        assert await take(queue) == ("a", 1)
        queue.settle(("a", 1))
        queue.put(("a", 1))
        queue.done(("a", 1))
        assert await take(queue) == ("a", 1)

    asyncio.run(main())
