"""A synthetic glioma patient, built from mathematics alone: demo, test data and heartbeat."""

from segmentation.phantom.files import write_case
from segmentation.phantom.prepared import make_prepared_case
from segmentation.phantom.visits import PhantomVisit, make_visit

__all__ = ["PhantomVisit", "make_prepared_case", "make_visit", "write_case"]
