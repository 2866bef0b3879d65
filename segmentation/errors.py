"""What can go wrong in the imaging stages.

SegmentationError
├── BadInputError        the images themselves cannot be segmented; another try gives the same answer
│   ├── BadGeometryError grids that cannot be brought together
│   └── GateFailedError  a quality gate that stops the study
└── BadModelError        the model folder is missing, damaged or of another format
"""


class SegmentationError(Exception):
    """Base of every failure whose text is meant for the reader; trying again does not help."""


class BadInputError(SegmentationError):
    """The images cannot be segmented (empty, constant, NaN, too small, not a head)."""


class BadGeometryError(BadInputError):
    """The images cannot be brought onto one grid."""


class GateFailedError(BadInputError):
    """A quality gate failed that, by the policy in force, stops the study."""


class BadModelError(SegmentationError):
    """The model folder is missing, damaged, or written for another version of this package."""
