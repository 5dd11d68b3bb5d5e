"""The worker: a parent without anybody else's code, and a child that runs RQ beside the runner."""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from app.board import Board, Computing
from app.config import Settings
from app.db import DatabaseUnavailable
from app.house import House
from app.jobs import register_wake
from app.locks import LocksLost, open_locks
from app.points import crash_as_told
from app.roster import Member
from app.runner import Runner
from app.stopping import Stopping
from app.store import setbacks
from app.turns import MOST_CHARGES
from app.warming import warm
from app.wiring import build_house

logger = logging.getLogger("patchbay.worker")

_LOOK_SECONDS = 0.1
_AT_ONCE_SECONDS = 1.0  # a child that dies sooner has done nothing
_LONGEST_PAUSE_SECONDS = 0.5  # a database that comes back must not wait for us
_MOST_COMPUTING_SECONDS = 10.0  # a built-in step's own code; Asks, sends and commits do not count
_MOST_SILENT_SECONDS = 20.0
_GRACE_SECONDS = 25.0  # for finishing what was begun when told to stop: longer than a send may take
_BEAT_SECONDS = 2.0


Stop = Callable[[int, FrameType | None], None]


def main(settings: Settings) -> int:
    """Keeps one child working until told to stop; the exit code."""
    stopping = Stopping.by(signal.SIGTERM, signal.SIGINT)
    killed: Counter[int] = Counter()  # how many children each conversation's endless step has cost
    culprit: Computing | None = None
    pause = 0.0
    while not stopping.is_set:
        stopping.wait(pause)
        started = time.monotonic()
        board = Board()
        kills = 0
        if culprit is not None:  # what has cost its most is set aside: the next one begins anew
            kills = killed[culprit.conversation_id] = killed[culprit.conversation_id] % MOST_CHARGES + 1
        child = _start(settings, board, culprit, kills)
        culprit = _watch(child, board, stopping)
        # A child that dies at once is not started again at once, or a broken database would keep a core busy.
        pause = 0.0 if time.monotonic() - started > _AT_ONCE_SECONDS else min(pause * 2 or 0.1, _LONGEST_PAUSE_SECONDS)
    return 0


def _start(settings: Settings, board: Board, culprit: Computing | None, kills: int) -> int:
    """A new child, which first charges what its predecessor was killed for."""
    parent = os.getpid()
    gc.freeze()  # what was read before is never garbage: the child need not look through it again and again
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _die_with(parent)
        house = build_house(settings)
        if culprit is not None:
            with house.database.transaction() as session:
                setbacks.blame(session, culprit.conversation_id, f"the step {culprit.step} computes for ever", kills)
        code = _work(house, board)
    except (SQLAlchemyError, psycopg.Error, DatabaseUnavailable, LocksLost) as error:
        logger.error("The worker ends because of its database and is started again: %s", error)
    except Exception:  # a door: the process ends here, and its reason must be seen
        logger.exception("The worker ends and is started again.")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)  # threads that wait for the network must not hold up the restart


def _watch(child: int, board: Board, stopping: Stopping) -> Computing | None:
    """Until the child is gone. Kills one whose step computes too long, or that is silent, or does not stop.

    Returns the step that computed too long.
    """
    told_at, culprit = 0.0, None
    while True:
        ended, _ = os.waitpid(child, os.WNOHANG)
        if ended:
            return culprit
        if stopping.is_set and not told_at:
            told_at = time.monotonic()
            os.kill(child, signal.SIGTERM)
        now = board.now_computing()
        if now.seconds > _MOST_COMPUTING_SECONDS:
            sentence = "The step “%s” in conversation %s computes for %.0f s; its process is killed."
            logger.error(sentence, now.step, now.conversation_id, now.seconds)
            culprit = now
            os.kill(child, signal.SIGKILL)
        elif board.silent_seconds() > _MOST_SILENT_SECONDS or (told_at and time.monotonic() - told_at > _GRACE_SECONDS):
            logger.error("The worker's child does not answer; it is killed.")
            os.kill(child, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)


def _work(house: House, board: Board) -> int:
    """The child: the runner in a thread, RQ in the main thread."""
    crash_as_told()
    locks = open_locks(house.settings)
    member = Member("worker", locks.server_pid())
    runner = Runner(house, locks, board)
    register_wake(runner.wake)

    def run() -> None:
        try:
            runner.run()
        except BaseException as error:  # a door: whatever ends the runner ends the process
            logger.error("The runner stopped: %s", error, exc_info=not isinstance(error, SQLAlchemyError | LocksLost))
            os._exit(1)

    thread = threading.Thread(target=run, name="runner")
    beats = threading.Thread(target=_beat, args=(house, member), name="heartbeat", daemon=True)

    def stop(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd tells the whole group, and the parent tells us too
        runner.stop()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent tells us
    thread.start()
    beats.start()
    threading.Thread(target=warm, args=(house.database,), name="warming", daemon=True).start()
    try:
        _listen(house, member, thread, stop)
    except SystemExit:
        logger.debug("Told to stop.")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # RQ's own handler would end us without finishing
    runner.stop()
    thread.join(_GRACE_SECONDS)
    with house.database.transaction() as session:
        member.leave(session)
    return 0


def _listen(house: House, member: Member, thread: threading.Thread, stop: Stop) -> None:
    """RQ's worker, entered again whenever it returns or raises: it leaves on errors of Redis that pass."""
    while thread.is_alive():
        if not house.settings.redis_url:
            thread.join(1.0)
        elif house.lanes.serve(member.id.replace(":", "-").replace(".", "-")):
            return
        else:
            # RQ's worker leaves its own signal handlers behind, which would end us in the middle of a turn.
            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(0.5)


def _beat(house: House, member: Member) -> None:
    while True:
        try:
            with house.database.transaction() as session:
                member.beat(session)
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            logger.warning("The heartbeat could not be written: %s", error)
        time.sleep(_BEAT_SECONDS)


def _die_with(parent: int) -> None:
    """A killed parent must not leave an orphan at work (Linux; elsewhere the fence still holds)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
