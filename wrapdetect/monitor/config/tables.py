"""The tables of monitor.toml: which keys each has, of which type, within which bounds, and its defaults."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.template.problems import Problem
from wrapdetect.model.history import DAY_S
from wrapdetect.monitor.feeds import FeedFormat
from wrapdetect.monitor.spec import duration_s
from wrapdetect.targets.tables import EndpointTable, Strict


def _short_s(value: object) -> object:
    """Seconds where nothing else is usual: a bare number, or a duration."""
    return value if isinstance(value, int) and not isinstance(value, bool) else duration_s(value)


def _listed(value: object) -> object:
    """One text, or several."""
    return [value] if isinstance(value, str) else value


OF_THE_ASKED = ("key_env", "dialect", "headers", "query", "hosts", "private", "storage_state", "template", "page")
"""Keys without a meaning where nobody is asked."""
_Duration = Annotated[int, BeforeValidator(duration_s)]
_Short = Annotated[int, BeforeValidator(_short_s)]
_Name = Annotated[
    str, Field(min_length=1, max_length=80, pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*\S)?$")
]
_Text = Annotated[str, Field(min_length=1, max_length=500)]


class CadenceTable(Strict):
    every: Annotated[_Duration, Field(ge=60, le=DAY_S)] = 300
    fingerprint_every: _Duration = DAY_S
    jitter: Annotated[_Short, Field(ge=0, le=60)] = 20
    timeout: Annotated[_Short, Field(ge=1, le=600)] = 30
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 500


class BudgetTable(Strict):
    requests_per_day: Annotated[int, Field(ge=1)] = 5_000
    tokens_per_day: Annotated[int, Field(ge=1)] = 200_000


class ServiceTable(EndpointTable):
    """[[target]]: whatever can be audited, under a name of its own, and who runs it."""

    name: _Name
    model: _Text | None = None
    vendor: Annotated[str, Field(max_length=80)] | None = None

    def problems(self) -> Iterator[Problem]:
        if self.model is None and DIALECTS[self.way].is_api:
            yield Problem(("model",), "model is missing")
        yield from super().problems()


class UpstreamTable(ServiceTable):
    """[[candidate]] or [[panel]]. Without `url` and `model` it is not asked: its status feed alone tells of it."""

    url: str | None = None  # type: ignore[assignment] # a service that is asked has one

    @property
    def is_asked(self) -> bool:
        return self.url is not None and (self.model is not None or not DIALECTS[self.way].is_api)

    def problems(self) -> Iterator[Problem]:
        if self.is_asked:
            yield from super().problems()
        elif self.url is not None or self.model is not None:
            missing = "model" if self.model is None else "url"
            yield Problem((missing,), f"{missing} is missing; expected url and model, or neither and a [[feed]] of it")
        else:
            yield from (
                Problem((key,), "a service without url is not asked; leave this out")
                for key in OF_THE_ASKED
                if key in self.model_fields_set
            )


class SiteTable(Strict):
    name: _Name
    url: str


class FeedTable(Strict):
    service: _Name
    url: str
    format: FeedFormat
    name: _Name | None = None
    every: Annotated[_Duration, Field(ge=60)] = 600
    components: Annotated[list[_Name], Field(min_length=1, max_length=100)] | None = None
    title: Annotated[list[_Name], Field(min_length=1, max_length=100), BeforeValidator(_listed)] | None = None
    zone: _Name | None = None


class AlertsTable(Strict):
    urls_env: list[str] = Field(default_factory=list)
    evidence_at: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 20.0
    quiet: _Duration = 6 * 3600


class RetentionTable(Strict):
    pack_after: Annotated[_Duration, Field(ge=DAY_S)] = 2 * DAY_S
    keep: Annotated[_Duration, Field(ge=DAY_S)] = 400 * DAY_S


class MetricsTable(Strict):
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    host: _Text = "127.0.0.1"


class MonitorToml(Strict):
    store: _Text = "monitor.db"
    vantage: _Name | None = None
    cadence: CadenceTable = CadenceTable()
    budget: BudgetTable = BudgetTable()
    target: list[ServiceTable] = Field(default_factory=list)
    candidate: list[UpstreamTable] = Field(default_factory=list)
    panel: list[UpstreamTable] = Field(default_factory=list)
    site: list[SiteTable] = Field(default_factory=list)
    feed: list[FeedTable] = Field(default_factory=list)
    alerts: AlertsTable = AlertsTable()
    retention: RetentionTable = RetentionTable()
    metrics: MetricsTable = MetricsTable()


TABLES: Mapping[str, type[BaseModel]] = {
    "cadence": CadenceTable,
    "budget": BudgetTable,
    "target": ServiceTable,
    "candidate": UpstreamTable,
    "panel": UpstreamTable,
    "site": SiteTable,
    "feed": FeedTable,
    "alerts": AlertsTable,
    "retention": RetentionTable,
    "metrics": MetricsTable,
}
"""Every table of the file."""
MANY = ("target", "candidate", "panel", "site", "feed")
"""Those that may stand there many times."""
