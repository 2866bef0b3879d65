"""The rows of the domain, and their state changes. The row is the seam between processes."""

from review.models.deliveries import Delivery
from review.models.intake import IntakeProblem, Series, Study
from review.models.results import Measurement, Result
from review.models.settings import FollowerState, RoutingRule
from review.models.work import Job, LostLeaseError
from review.models.workers import WorkerBeat

__all__ = [
    "Delivery",
    "FollowerState",
    "IntakeProblem",
    "Job",
    "LostLeaseError",
    "Measurement",
    "Result",
    "RoutingRule",
    "Series",
    "Study",
    "WorkerBeat",
]
