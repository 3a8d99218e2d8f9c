"""Events of the monitor -> one message each, through Apprise, to the services whose URLs stand in the environment.

An Apprise URL is a secret as a whole: errors and logs name its variable. What was told is remembered in the ledger, so
that a monitor started for every round (`monitor once`) repeats nothing.
"""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Self
from urllib.parse import quote as percent
from urllib.parse import unquote

import apprise

from wrapdetect.errors import SpecError
from wrapdetect.model.prose import quote
from wrapdetect.monitor.alert import Alert, Delivery, EventKind, Memory

SERVICE_TIMEOUT_S = 20
MEMORY_S = 30 * 86_400
"""Messages held back longer ago are no longer counted in the next."""
SHORTEST_SCRUBBED = 4
_LONGEST_LINE = 500
URGENT = apprise.NotifyType.WARNING
TITLES: Mapping[EventKind, tuple[str, apprise.NotifyType]] = {
    "evidence": ("evidence passed the threshold", URGENT),
    "version": ("version changed", apprise.NotifyType.INFO),
    "down": ("down", URGENT),
    "up": ("up again", apprise.NotifyType.SUCCESS),
    "feed": ("status feed broken", URGENT),
    "feed_back": ("status feed read again", apprise.NotifyType.SUCCESS),
    "own": ("a fault of our own", URGENT),
    "own_over": ("our own fault is over", apprise.NotifyType.SUCCESS),
    "reference": ("reference broken", URGENT),
    "budget": ("budget of the day spent", URGENT),
    "store": ("store in trouble", apprise.NotifyType.FAILURE),
    "store_back": ("store is back", apprise.NotifyType.SUCCESS),
    "test": ("test message", apprise.NotifyType.INFO),
    "blocked": ("the monitor is blocked", URGENT),
}


def read_alert_urls(names: Iterable[str]) -> dict[str, str]:
    """Apprise URLs by the variable that holds them. Raises SpecError for one that is not set, or holds none."""
    urls = {name: os.environ.get(name, "").strip() for name in names}
    for name, url in urls.items():
        if "://" not in url:
            raise SpecError(
                f"[alerts] urls_env: the environment variable {name} {'holds no URL' if url else 'is not set'} "
                "(value not shown); set it to an Apprise URL such as ntfy://topic, or take its name out"
            )
    return urls


class Alerts:
    """Tells of events. A message may take SERVICE_TIMEOUT_S for each URL: call `send` from a thread.

    Raises SpecError for a URL that Apprise does not understand; `send` raises nothing but what the ledger raises.
    """

    def __init__(self, urls: Mapping[str, str], *, memory: Memory, now: Callable[[], datetime], quiet_s: int) -> None:
        self._memory, self._now, self._quiet_s = memory, now, quiet_s
        self._scrubber = _Scrubber(urls.values())
        for name in ("apprise", "urllib3"):  # below WARNING, both tell addresses
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
            logger.addFilter(self._scrubber)
        self._services = {name: _service(name, url) for name, url in urls.items()}

    def with_memory(self, memory: Memory) -> Self:
        """The same services, and another memory of what was told."""
        twin = copy(self)
        twin._memory = memory
        return twin

    @property
    def memory(self) -> Memory:
        return self._memory

    def __repr__(self) -> str:
        return f"Alerts({', '.join(self._services) or 'nobody to tell'})"

    def send(self, event: Alert) -> Delivery:
        """One message for each key, ever, and one of a kind about a subject within the quiet time; one that was not
        delivered is tried again when its event is sent again. It is marked as told after it was: a kill between tells
        it twice, and never not at all."""
        if not self._services:
            return Delivery(outcome="off")
        now_s = int(self._now().timestamp())
        if self._memory.marked(f"alert/{event.key}"):
            return Delivery(outcome="known")
        past = self._memory.events(now_s - self._quiet_s - MEMORY_S)
        last_s = max((p.at_s for p in past if p.key.startswith(_mark("sent", event))), default=None)
        if last_s is not None and abs(now_s - last_s) < self._quiet_s:  # abs: clocks go back
            if not any(p.key == _place("held", event) for p in past):
                self._note("held", event, now_s)
            if not event.lasts:
                self._memory.first_time(f"alert/{event.key}", event.at_s)
            return Delivery(outcome="held")
        held = sum(p.key.startswith(_mark("held", event)) and p.at_s >= (last_s or 0) for p in past)
        troubles = self._deliver(event, held)
        delivered = len(troubles) < len(self._services)
        if delivered:
            self._memory.first_time(f"alert/{event.key}", event.at_s)
            self._note("sent", event, now_s)
        return Delivery(outcome="sent" if delivered else "failed", trouble="; ".join(troubles.values()))

    def test(self) -> dict[str, str]:
        """One message to each service, whatever was told before: by variable, why it was not taken, "" where it was."""
        text = "This is a test. It was sent by: wrapdetect monitor alert-test"
        event = Alert(key="test", kind="test", subject="the monitor", text=text, at_s=0)
        troubles = self._deliver(event, 0)
        return {name: troubles.get(name, "") for name in self._services}

    def _note(self, what: str, event: Alert, now_s: int) -> None:
        self._memory.note_event(_place(what, event), now_s, event.text)

    def _deliver(self, event: Alert, held: int) -> dict[str, str]:
        """One line for each service that did not take the message, by its variable."""
        title, urgency = TITLES[event.kind]
        lines = [quote(line, _LONGEST_LINE) for line in event.text.splitlines()]
        if held:
            lines.append(f"({held} more of this kind about {event.subject} held back since the last message)")
        troubles = {}
        for name, service in self._services.items():
            why = _told(service, f"wrapdetect: {event.subject}: {title}", "\n".join(lines), urgency)
            if why is not None:
                troubles[name] = f"alert about {event.subject} not delivered to {name}: {self._scrubber.clean(why)}"
        return troubles


def _mark(what: str, event: Alert) -> str:
    """How the ledger's events begin that tell what became of alerts of one kind about one subject."""
    return f"alert/{what}/{event.kind}/{percent(event.subject, safe='')}/"


def _place(what: str, event: Alert) -> str:
    """The ledger's event that tells what became of this very alert."""
    return _mark(what, event) + percent(event.key, safe="")


def _service(name: str, url: str) -> apprise.Apprise:
    asset = apprise.AppriseAsset(
        app_id="wrapdetect",
        app_desc="wrapdetect",
        service_timeout=SERVICE_TIMEOUT_S,
        storage_mode="memory",
        http_redirects=False,
    )
    service = apprise.Apprise(asset=asset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Apprise imports every service it knows, some in old ways
        understood = service.add(url)
    if not understood:
        raise SpecError(
            f"[alerts] urls_env: the variable {name} holds no URL that Apprise understands (value not shown); "
            "see its documentation for the spelling of your service"
        )
    return service


def _told(service: apprise.Apprise, title: str, body: str, urgency: apprise.NotifyType) -> str | None:
    """None where every URL took it, else why not."""
    try:
        result = service.notify(body=body, title=title, notify_type=urgency, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a service of Apprise that fails must not stop the monitor
        return f"a fault in Apprise ({type(error).__name__})"
    if result:
        return None
    said = [entry.message for entry in result.logs()]
    return quote(said[-1]) if said else f"{result.status.name.lower()}"


class _Scrubber(logging.Filter):
    """Takes out of log lines whatever stands in an alert URL after its scheme."""

    def __init__(self, urls: Iterable[str]) -> None:
        super().__init__()
        parts = {
            part
            for url in urls
            for spelling in (url, unquote(url))
            for part in re.split(r"[/:@?&=#,;+\s]+", re.sub(r"\w+://", "", spelling))
            if len(part) >= SHORTEST_SCRUBBED
        }
        self._secret = re.compile("|".join(re.escape(p) for p in sorted(parts, key=len, reverse=True)) or r"(?!)")

    def clean(self, text: str) -> str:
        return self._secret.sub("***", text)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.clean(record.getMessage()), None
        if record.exc_info or record.exc_text:
            record.exc_info = record.exc_text = None  # a traceback may hold the URL
        return True
