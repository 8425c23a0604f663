"""What the service was told → its parts, put together: the application behind its doors, and what ends with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from starlette.types import ASGIApp

from syncline.delivery import Halt
from syncline.errors import Locked
from syncline.flow.report import Report
from syncline.job import Options, Watch
from syncline.ledger import Lock, prepare_folder
from syncline.run import run_job
from syncline.service.app import make_app
from syncline.service.documents import Documents
from syncline.service.doors import LOOPBACK_NAMES, Doors
from syncline.service.endpoints import Parts
from syncline.service.idempotency import Keys
from syncline.service.intake import Intake
from syncline.service.limits import Limits
from syncline.service.metrics import Metrics
from syncline.service.people import People
from syncline.service.recall import Recall
from syncline.service.registry import Registry
from syncline.service.runs import ACCEPTED, AT_ONCE, Order, Runs, Sync
from syncline.service.server import Ending
from syncline.service.spool import private_folder
from syncline.service.tokens import Doorkeeper

_HOME = ".service"  # in the state directory, where no sync can have this name


class Told(NamedTuple):
    """names: by which the service may be called besides this machine's own; token: "" where none is asked for;
    origins: as `config.uploaded.listed` has them; environment: of the process."""

    state_dir: Path
    environment: Mapping[str, str]
    limits: Limits = Limits()
    origins: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    token: str = ""
    at_once: int = AT_ONCE
    accepted: int = ACCEPTED


class Service(NamedTuple):
    """app: to be served; ending: what a signal asks of it."""

    app: ASGIApp
    ending: Ending


def sync(order: Order, halt: Halt, watch: Watch) -> Report:
    """An order → a run, as the command line runs it."""
    return run_job(order.job, order.job.data, Options(resume=order.resume), halt, watch)


@contextmanager
def opened(told: Told, sync: Sync = sync) -> Iterator[Service]:
    """What a dead service left behind is put in order first. Raises `Refusal`, `Locked`."""
    people = People(told.environment)
    home, state_dir = told.state_dir / _HOME, told.state_dir
    prepare_folder(home / "service.db", state_dir)
    with _alone(home), private_folder(home) as folder, closing(Registry(home / "service.db", time.time)) as registry:
        metrics = Metrics(time.time())
        recall = Recall(registry, state_dir)
        recall.recover()
        runs = Runs(registry, recall, sync, at_once=told.at_once, accepted=told.accepted, on_end=metrics.ended)
        intake = Intake(folder, state_dir, told.limits, told.origins)
        parts = Parts(runs, Documents(runs, registry, recall), Keys(registry), intake, people, metrics)
        app = make_app(parts, needs_token=bool(told.token))
        doorkeeper = Doorkeeper(told.token, time.monotonic) if told.token else None
        with closing(runs):
            doors = Doors(app, LOOPBACK_NAMES | told.names, doorkeeper, metrics.answered)
            yield Service(doors, Ending(runs.halt, lambda: not runs.works))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two services would each take the other's runs for those of a dead one."""
    with ExitStack() as held:
        try:
            held.enter_context(Lock(home / "service.lock"))
        except Locked:
            told = f"another `syncline serve` keeps its runs in {home.parent}: give this one a --state-dir"
            raise Locked(told) from None
        yield
