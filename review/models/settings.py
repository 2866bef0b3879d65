"""What admins decide (rules), and what the follower remembers."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from review import routing, routing_documents
from review.routing_documents import AfterWait, Document, Quality, Urgency, new_key
from segmentation.types import Phase

URGENCY_RANK = {Urgency.URGENT: 1000, Urgency.NORMAL: 0, Urgency.OFF_PEAK: -1000}
"""Added to a rule's own priority, which is smaller than the steps between these."""


class QualityPolicy(models.TextChoices):
    """What a failed quality gate does to a study."""

    STANDARD = Quality.STANDARD.value, "Stop at the gross ones, warn of the others"
    STOP = Quality.STOP.value, "Stop at every failed gate"
    WARN = Quality.WARN.value, "Go on, with a warning"


class RoutingRule(models.Model):
    """Which studies are wanted, and what is done with them. The first enabled rule that fits decides.

    The rows are the rule set that is in force; every save through `review.rule_sets` is kept as a version of it.
    """

    key = models.CharField(
        max_length=32, unique=True, default=new_key, help_text="The rule's own handle, whatever its name"
    )
    name = models.CharField(max_length=100)
    order = models.PositiveIntegerField(default=100, help_text="Rules are asked in this order")
    enabled = models.BooleanField(default=True)
    owner = models.CharField(max_length=150, blank=True, help_text="Whom to ask about it")
    comment = models.TextField(blank=True)
    conditions = models.JSONField(
        default=list,
        blank=True,
        help_text='All must hold: [{"tag": "Modality", "test": "equals", "value": "MR"}, {"any": [...]}, ...]',
    )
    model = models.CharField(
        max_length=64, blank=True, help_text="Name of an installed model; empty: the active one"
    )
    phase = models.CharField(
        max_length=8, choices=[(phase.value, phase.value) for phase in Phase], default=Phase.UNKNOWN.value
    )
    urgency = models.CharField(
        max_length=8,
        choices=[(one.value, one.value.replace("_", " ")) for one in Urgency],
        default=Urgency.NORMAL.value,
    )
    off_peak_from = models.CharField(max_length=5, default="19:00")
    off_peak_to = models.CharField(max_length=5, default="06:00")
    priority = models.IntegerField(default=0, help_text="Higher goes first, among rules of the same urgency")
    wait_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long a missing series is waited for; empty: the site's setting"
    )
    after_wait = models.CharField(
        max_length=8,
        choices=[(one.value, one.value.replace("_", " ")) for one in AfterWait],
        default=AfterWait.ALERT.value,
        help_text="What becomes of a study whose missing series did not come",
    )
    quality_policy = models.CharField(
        max_length=8,
        choices=QualityPolicy.choices,
        default=QualityPolicy.STANDARD,
        help_text="What a failed quality gate does",
    )
    raises_alert = models.BooleanField(
        default=True, help_text="Raise an alert where a study of this rule ends without a result"
    )
    destinations = models.JSONField(
        default=list,
        blank=True,
        help_text="What gets the results: a DICOM modality as Orthanc names it, or dicomweb: and a server's name; "
        'then the kinds of objects, if not the usual: ["PACS", "dicomweb:VNA SEG SR"]',
    )
    notify = models.JSONField(
        default=list, blank=True, help_text="Mail addresses that get the alerts of this rule too"
    )
    role_overrides = models.JSONField(
        default=list,
        blank=True,
        help_text='What series are here: [{"role": "FLAIR", "series": [conditions]}]',
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["order", "name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Deferred, so that two rules can swap their names in one save.
            models.UniqueConstraint(
                fields=["name"], name="one_rule_per_name", deferrable=models.Deferrable.DEFERRED
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what no one can evaluate, field by field."""
        if problems := routing_documents.problems_in_rule(self.as_document()):
            raise ValidationError({name: found for name, found in problems.items()})

    def as_document(self) -> Document:
        """The rule as it is stored in a version, shown in a form and exported."""
        return {name: getattr(self, name) for name in routing_documents.DEFAULTS}

    def as_rule(self) -> routing.Rule:
        """The rule as the pure evaluation knows it."""
        return routing.rule_from(self.as_document(), self.pk)

    def job_priority(self) -> int:
        """The place of its jobs in the queue."""
        return URGENCY_RANK[Urgency(self.urgency)] + self.priority

    def starts_at(self, now: datetime) -> datetime:
        """When a job may begin: now, or for off-peak rules when their hours begin (time of the site)."""
        if self.urgency != Urgency.OFF_PEAK:
            return now
        opens, closes = time.fromisoformat(self.off_peak_from), time.fromisoformat(self.off_peak_to)
        here = timezone.localtime(now)
        if _is_between(here.time(), opens, closes):
            return now
        start = here.replace(hour=opens.hour, minute=opens.minute, second=0, microsecond=0)
        return start if start > here else start + timedelta(days=1)


def _is_between(clock: time, opens: time, closes: time) -> bool:
    """Whether a time of day lies in hours that may go over midnight; equal ends mean the whole day."""
    return opens <= clock < closes if opens < closes else clock >= opens or clock < closes


class FollowerState(models.Model):
    """How far Orthanc's journal has been read (one row), and when the follower was last seen alive."""

    last_seq = models.BigIntegerField(default=0)
    last_change = models.CharField(
        max_length=200,
        blank=True,
        help_text="The journal line at last_seq: tells a wiped Orthanc from the known one",
    )
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True, help_text="Why nothing is read now; empty when all is well")
    storage_id = models.CharField(
        max_length=36,
        blank=True,
        help_text="What the storage for artefacts is marked with: tells an unmounted folder from the known one",
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(pk=1), name="one_follower_state"),
        ]

    def __str__(self) -> str:
        return f"read up to {self.last_seq}"

    @classmethod
    def load(cls) -> FollowerState:
        """The one row, made on first use."""
        return cls.objects.get_or_create(pk=1)[0]

    def beat(self, trouble: str = "") -> None:
        """Say that the follower is alive, and what keeps it from reading, if anything."""
        self.heartbeat_at = timezone.now()
        self.trouble = trouble
        FollowerState.objects.filter(pk=self.pk).update(heartbeat_at=self.heartbeat_at, trouble=trouble)

    def remember(self, last_seq: int, last_change: str) -> None:
        """Keep how far the journal was handled."""
        self.last_seq, self.last_change = last_seq, last_change
        FollowerState.objects.filter(pk=self.pk).update(last_seq=last_seq, last_change=last_change)
