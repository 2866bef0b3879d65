"""What admins decide (rules), and what the follower remembers."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from review import routing
from segmentation.types import Phase


class QualityPolicy(models.TextChoices):
    """What a failed quality gate does to a study."""

    STANDARD = "standard", "Stop at the gross ones, warn of the others"
    STOP = "stop", "Stop at every failed gate"
    WARN = "warn", "Go on, with a warning"


class RoutingRule(models.Model):
    """Which studies are wanted, and what is done with them. The first enabled rule that fits decides."""

    name = models.CharField(max_length=100, unique=True)
    order = models.PositiveIntegerField(default=100, help_text="Rules are asked in this order")
    enabled = models.BooleanField(default=True)
    conditions = models.JSONField(
        default=list,
        blank=True,
        help_text='All must hold: [{"tag": "Modality", "test": "equals", "value": "MR"}, ...]',
    )
    model = models.CharField(
        max_length=64, blank=True, help_text="Name of an installed model; empty: the active one"
    )
    phase = models.CharField(
        max_length=8, choices=[(phase.value, phase.value) for phase in Phase], default=Phase.UNKNOWN.value
    )
    priority = models.IntegerField(default=0, help_text="Higher goes first")
    wait_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long a missing series is waited for; empty: the site's setting"
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
        help_text='DICOM modalities, as Orthanc names them, that get the results: ["PACS"]',
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["order", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse conditions that no one can evaluate, and destinations that are no names."""
        problems = {}
        if found := routing.problems_in_conditions(self.conditions):
            problems["conditions"] = found
        names = self.destinations
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            problems["destinations"] = ["A list of modality names is needed."]
        if problems:
            raise ValidationError(problems)

    def as_rule(self) -> routing.Rule:
        """The rule as the pure evaluation knows it."""
        return routing.Rule(key=self.pk, name=self.name, conditions=routing.read_conditions(self.conditions))


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
