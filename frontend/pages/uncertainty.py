"""The uncertainty map for the viewer, which draws it over the images when the reader asks for it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.gzip import gzip_page

from frontend.pages.study import find_study
from frontend.permissions import readers_only
from orthanc.errors import NotInOrthancError, OrthancUnavailableError
from review.uncertainty_maps import map_as_dicom, map_for_viewer


@readers_only
@gzip_page
def for_viewer(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The map of the current result in 8 bits, as `map_for_viewer` lays it out; 404 where there is none."""
    result = find_study(study_uid).current_result
    if result is None:
        raise Http404("The study has no result.")
    try:
        dicom = map_as_dicom(result)
    except NotInOrthancError as error:
        raise Http404(str(error)) from error
    except OrthancUnavailableError:
        return HttpResponse("Orthanc does not answer at the moment.", status=503, content_type="text/plain")
    return HttpResponse(map_for_viewer(dicom), content_type="application/octet-stream")
