"""A synthetic glioma patient, built from mathematics alone: demo, test data and heartbeat."""

from segmentation.phantom.files import write_case
from segmentation.phantom.prepared import make_prepared_case
from segmentation.phantom.visits import DEMO_SEED, PhantomVisit, make_visit

__all__ = ["DEMO_SEED", "PhantomVisit", "make_prepared_case", "make_visit", "write_case"]
