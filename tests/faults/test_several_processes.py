"""DATABASE_URL and REDIS_URL alone make it several processes: two web and three workers on PostgreSQL and Redis."""

import threading
from dataclasses import dataclass, field, replace
from itertools import cycle

from app.launch.children import Command
from app.launch.commands import PROJECT_FOLDER, as_environment, web_arguments
from tests.faults.driver import Driver, post
from tests.faults.echo_flow import echo_flow
from tests.faults.keeper import wait_for
from tests.faults.oracle import judge, taken
from tests.faults.site import SitePlan, answers, consistency, free_ports, open_site

MESSAGES = 150


@dataclass
class ManyDoors(Driver):
    """Posts to all web processes in turn, as a balancer before them would."""

    doors: tuple[int, ...] = ()
    used: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next = cycle(self.doors)

    async def _post_once(self, request: bytes) -> int:
        door = next(self._next)
        self.used[door] = self.used.get(door, 0) + 1
        try:
            return await post(door, request)
        except (OSError, ValueError):
            return 0


def test_two_web_and_three_workers_share_one_database() -> None:
    with open_site(SitePlan([echo_flow("nothing")], database="postgresql", workers=3)) as site:
        (second,) = free_ports(1)
        settings = replace(site.settings, port=second)
        site.keeper.add(Command("web-2", web_arguments(), as_environment(settings), PROJECT_FOLDER))
        wait_for("the second web answers", lambda: answers(second), 60, site.keeper.look)
        driver = ManyDoors(site.ports["web"], MESSAGES, 15, seed=1, doors=(site.ports["web"], second))
        driver.tap.open_until = MESSAGES
        threading.Thread(target=driver.run, daemon=True).start()

        def all_answered() -> bool:
            return driver.done and len(taken(site.provider_log.read())) >= MESSAGES

        wait_for("every message is answered", all_answered, 90, site.keeper.look)
        verdict = judge(driver.accepted, driver.wanted(), taken(site.provider_log.read()), [])
        assert verdict.is_clean, verdict
        assert min(driver.used.values()) >= MESSAGES // 3
        assert consistency(site.settings) == []
