"""Numbered messages on their way through a site beside which an experiment does its damage, and what became of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.driver import Driver
from tests.faults.experiments import Figures
from tests.faults.keeper import wait_for
from tests.faults.oracle import Taken, judge, percentile, taken
from tests.faults.site import Site, consistency
from tests.faults.webhooks import Answer, ask

GRACE_SECONDS = 2.0  # a duplicate that comes late still counts


@dataclass
class TimedDriver(Driver):
    """Notes every answer of the webhooks' door."""

    answers: list[Answer] = field(default_factory=list)

    async def _post_once(self, request: bytes) -> int:
        answer = await ask(self._door(), request, patience_seconds=5.0)
        self.answers.append(answer)
        return answer.status

    def _door(self) -> int:
        return self.port


@dataclass
class Traffic:
    """One driver and one site."""

    site: Site
    driver: TimedDriver

    @classmethod
    def of(cls, site: Site, messages: int, contacts: int, seed: int) -> "Traffic":
        """So many messages of so many contacts, of which none is let in yet."""
        return cls(site, TimedDriver(site.ports["web"], messages, contacts, seed)).start()

    def start(self) -> "Traffic":
        """The contacts begin to wait for being let in."""
        threading.Thread(target=self.driver.run, daemon=True).start()
        return self

    def sent(self) -> list[Taken]:
        """What the provider took."""
        return taken(self.site.provider_log.read())

    def let_in(self, seconds: float, per_second: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Lets messages in evenly; meanwhile whatever dies is started again."""
        tap, begun = self.driver.tap, time.monotonic()
        before = tap.open_until
        while (passed := time.monotonic() - begun) < seconds:
            tap.open_until = min(self.driver.messages, before + int(passed * per_second))
            self.site.keeper.look()
            meanwhile()
            time.sleep(0.02)

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float = 90.0) -> None:
        """Until it is so; meanwhile whatever dies is started again. Raises: TimeoutError."""
        wait_for(what, is_so, seconds, self.site.keeper.look)

    def finish(self, figures: Figures, seconds: float = 90.0) -> None:
        """Lets the rest in, waits for all answers, and writes down what became of all of them."""
        driver = self.driver
        driver.tap.open_until = driver.messages
        started = time.monotonic()
        try:
            self.wait("all is answered", lambda: driver.done and len(self.sent()) >= driver.messages, seconds)
        except TimeoutError as problem:
            figures.broken.append(f"{problem}.")
        converged_seconds = time.monotonic() - started
        stay(self.site, GRACE_SECONDS)
        verdict = judge(driver.accepted, driver.wanted(), self.sent(), [])
        figures.values |= {
            "messages": driver.messages,
            "repeated_webhooks": driver.repeats,
            "refused_webhooks": driver.refusals,
            "lost": len(verdict.lost),
            "duplicated": len(verdict.duplicated),
            "out_of_order": len(verdict.out_of_order),
            "converged_s": round(converged_seconds, 1),
        }
        figures.expect(verdict.is_clean, f"Not clean: {verdict}.")

    def webhook_ms(self, since: float, until: float, percent: float) -> int:
        """A percentile of how long accepted webhooks took that were answered between two instants."""
        seconds = [one.seconds for one in self.driver.answers if one.status == 200 and since <= one.at < until]
        return milliseconds(percentile(seconds, percent))

    def delay_ms(self, since: float, until: float, percent: float) -> int:
        """A percentile of the time from a message's 200 to its answer, of those accepted between two instants."""
        accepted = self.driver.accepted
        seconds = [
            max(0.0, one.at - at)
            for one in self.sent()
            if (at := accepted.get((one.contact, one.number))) is not None and since <= at < until
        ]
        return milliseconds(percentile(seconds, percent))


def stay(site: Site, seconds: float) -> None:
    """Lets time pass in which whatever dies is started again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.keeper.look()
        time.sleep(0.02)


def end_consistent(figures: Figures, site: Site) -> Figures:
    """The last figure of every experiment."""
    found = consistency(site.settings)
    figures.values["consistency"] = len(found)
    figures.expect(not found, f"Inconsistent: {'; '.join(found[:5])}")
    return figures


def milliseconds(seconds: float | None) -> int:
    """As figures show it; -1 of nothing."""
    return -1 if seconds is None else round(seconds * 1_000)
