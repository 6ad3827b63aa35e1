"""Events, of core/v1 and of events.k8s.io/v1: one table over two spellings of the same fields."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.age import since
from shoal.apiserver.tables.columns import KindTable, name_of, section, text, wide


def _cells(event: JsonObject, now: datetime) -> list[object]:
    about = event.get("involvedObject") or section(event, "regarding")
    series = section(event, "series")
    first = (
        event.get("firstTimestamp")
        or event.get("deprecatedFirstTimestamp")
        or event.get("eventTime")
    )
    last = event.get("lastTimestamp") or event.get("deprecatedLastTimestamp") or first
    count = event.get("count") or event.get("deprecatedCount") or 1
    if series:
        last, count = series.get("lastObservedTime"), series.get("count", 0)
    return [
        since(last, now),
        event.get("type", ""),
        event.get("reason", ""),
        _object_name(about),
        about.get("fieldPath", ""),
        _source(event),
        (event.get("message") or event.get("note") or "").strip(),
        since(first, now),
        count,
        name_of(event),
    ]


def _object_name(about: JsonObject) -> str:
    kind = about.get("kind", "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _source(event: JsonObject) -> str:
    source = event.get("source") or section(event, "deprecatedSource")
    component = (
        source.get("component")
        or event.get("reportingComponent")
        or event.get("reportingController")
        or ""
    )
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


EVENTS = KindTable(
    (
        text("Last Seen", "Time since the event happened last."),
        text("Type", "Normal or Warning."),
        text("Reason", "What happened, as one word."),
        text("Object", "What it happened to."),
        wide("Subobject", "The part of the object that it happened to."),
        wide("Source", "Who reports it."),
        text("Message", "What happened, as a sentence."),
        wide("First Seen", "Time since the event happened first."),
        wide("Count", "How often it happened."),
        Column("Name", format="name", description="Name of the event.", priority=1),
    ),
    _cells,
)
