"""The rows of the domain, and their state changes. The row is the seam between processes."""

from review.models.alerts import Alert
from review.models.algorithm import Activation, Algorithm
from review.models.deliveries import Delivery
from review.models.intake import IntakeProblem, Series, Study
from review.models.overrides import SeriesOverride, roles_told
from review.models.results import Measurement, Result
from review.models.settings import FollowerState, QualityPolicy, RoutingRule
from review.models.work import Job, LostLeaseError
from review.models.workers import WorkerBeat

__all__ = [
    "Activation",
    "Alert",
    "Algorithm",
    "Delivery",
    "FollowerState",
    "IntakeProblem",
    "Job",
    "LostLeaseError",
    "Measurement",
    "QualityPolicy",
    "Result",
    "RoutingRule",
    "Series",
    "SeriesOverride",
    "Study",
    "WorkerBeat",
    "roles_told",
]
