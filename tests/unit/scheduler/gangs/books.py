"""A book of gangs that tests tell of objects, without a scheduler around it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shoal.api.core import PRIORITY_CLASSES, PriorityClass
from shoal.api.meta import ObjectKey
from shoal.api.resource import Resource
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.scheduler.events import ObjectChanged
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.objects import Objects
from shoal.testing.builders import PodBuilder, make_pod
from shoal.testing.rehearsal import Rehearsal
from shoal.testing.volcano import PodGroupBuilder, make_pod_group

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PROFILE = next(iter(Rehearsal().scheduler.profiles.values()))


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def member(group: str, index: int = 0, cpu: str = "1") -> PodBuilder:
    """Its uid is its name."""
    return make_pod(f"{group}-{index}").req(cpu=cpu).annotations(**{keys.GROUP_NAME: group})


def group(name: str, least: int = 1, queue: str = "q") -> PodGroupBuilder:
    """Admitted."""
    made = make_pod_group(name).queue(queue).needs(least)
    return made.created(NOW).phase("Inqueue")


class Book:
    """What intake does with a `GangBook`, in short."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.book = GangBook(self.objects)

    def tell(self, *said: PodBuilder | PodGroupBuilder) -> None:
        for each in said:
            if isinstance(each, PodGroupBuilder):
                self.put(POD_GROUPS, each.obj())
            else:
                info = pod_info.of(each.obj())
                self.book.set_pod(info, None if info.spec.node_name else _PROFILE, NOW)

    def put(self, resource: Resource[Any], after: Any) -> None:
        key = after.metadata.key
        before = self.objects.get(resource, key.namespace, key.name)
        self.objects.set(resource, key, after)
        self.book.change_object(ObjectChanged(resource, before, after), NOW)

    def put_class(self, name: str, value: int) -> None:
        made = msgspec.convert({"metadata": {"name": name}, "value": value}, PriorityClass)
        self.put(PRIORITY_CLASSES, made)

    def remove(self, name: str) -> None:
        """A PodGroup."""
        key = ObjectKey("default", name)
        before = self.objects.get(POD_GROUPS, key.namespace, key.name)
        self.objects.remove(POD_GROUPS, key)
        self.book.change_object(ObjectChanged(POD_GROUPS, before, None), NOW)

    def __getitem__(self, name: str) -> Group:
        found = self.book.group(ObjectKey("default", name))
        assert found is not None
        return found

    def state(self, uid: str) -> MemberState | None:
        found = self.book.member(uid)
        return found.state if found else None

    def evict(self, uid: str) -> None:
        found = self.book.member(uid)
        assert found is not None
        self.book.evict(found)

    def round_ends(self) -> list[str]:
        """Everybody was tried in vain; their names."""
        tried = self.book.active()
        for each in tried:
            self.book.waking.park(each, is_special=False)
        return [each.key.name for each in tried]
