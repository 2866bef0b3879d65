"""What can go wrong between this software and the PACS.

OrthancError
├── OrthancUnavailableError   not reachable, overloaded, timed out: worth another try
├── DestinationRefusesError   another archive answers, but does not take an object: worth few more tries
└── HopelessError             another try gives the same answer; the text is meant for the reader
    ├── NotInOrthancError     the study, series or instance is not (or no longer) there
    ├── OrthancRefusedError   wrong credentials, or a request that Orthanc will not do
    ├── RejectedFileError     a file that is not DICOM, is truncated, or lacks its identifiers
    ├── MissingSeriesError    the study lacks a sequence that the model needs
    ├── BadSeriesError        a series that cannot become one regular image, for any of these reasons:
    │   ├── MissingSlicesError    slices are lost, or files are cut short: sending it again may help
    │   ├── SeveralVolumesError   several echoes, phases or repeats in one series
    │   ├── MixedImagesError      images of several planes, sizes or places, as in a localiser
    │   ├── UnplacedImagesError   images that do not say where they lie
    │   └── NoContentError        nothing to see: blank, or values that are no numbers
    ├── BadResultError        a label map or volumes that do not belong to their source series
    └── NoServerError         Orthanc or its DICOMweb plugin is not installed, or did not start
"""


class OrthancError(Exception):
    """Base of every failure of the PACS room."""


class OrthancUnavailableError(OrthancError):
    """Orthanc does not answer now; trying again later is the right thing to do."""


class DestinationRefusesError(OrthancError):
    """Another archive is there and does not take what we send, such as a kind of object that it does not know."""


class HopelessError(OrthancError):
    """Trying again gives the same answer; the text says why, in words for the reader."""


class NotInOrthancError(HopelessError):
    """The resource is not, or no longer, in Orthanc."""


class OrthancRefusedError(HopelessError):
    """Orthanc understood the request and will not do it."""


class RejectedFileError(HopelessError):
    """The bytes are not a complete DICOM file."""


class MissingSeriesError(HopelessError):
    """The study lacks a sequence that the model needs."""


class BadSeriesError(HopelessError):
    """The images of a series do not make one regular image."""


class MissingSlicesError(BadSeriesError):
    """Part of the series is lost; it may arrive whole another time."""


class SeveralVolumesError(BadSeriesError):
    """The series holds several images at each place."""


class MixedImagesError(BadSeriesError):
    """The images of the series differ in plane, size or spacing."""


class UnplacedImagesError(BadSeriesError):
    """Images do not say where in the patient they lie."""


class NoContentError(BadSeriesError):
    """The pixels are all alike, or are no numbers."""


class BadResultError(HopelessError):
    """The label map or the volumes do not belong to their source series."""


class NoServerError(HopelessError):
    """Orthanc or its DICOMweb plugin is missing, or the server did not start."""
