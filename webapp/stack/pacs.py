"""The private Orthanc of the stack: its configuration from the plan."""

from __future__ import annotations

from pathlib import Path

from orthanc.errors import NoServerError
from orthanc.server.configuration import (
    OrthancSettings,
    find_orthanc,
    read_dicomweb_servers,
    write_configuration,
)
from webapp.stack.errors import StackError
from webapp.stack.plan import Plan


def orthanc_command(plan: Plan, var: Path) -> list[str]:
    """The command line of Orthanc in the foreground; writes its configuration anew.

    Raises:
        StackError: Orthanc or its DICOMweb plugin is not installed, or the other servers are not well written.
    """
    try:
        servers = read_dicomweb_servers(plan.variables["DICOMWEB_SERVERS"])
    except ValueError as error:
        raise StackError(str(error)) from error
    settings = OrthancSettings(
        folder=var / "orthanc",
        http_port=plan.port("ORTHANC_PORT"),
        dicom_port=plan.port("DICOM_PORT"),
        username=plan.variables["ORTHANC_USER"],
        password=plan.variables["ORTHANC_PASSWORD"],
        aet=plan.variables["DICOM_AET"],
        nudge_url=f"http://127.0.0.1:{plan.variables['PORT']}/api/nudge/",
        nudge_token=plan.variables["NUDGE_TOKEN"],
        dicomweb_servers=servers,
    )
    try:
        installation = find_orthanc()
    except NoServerError as error:
        raise StackError(str(error)) from error
    return [str(installation.server), str(write_configuration(settings, installation))]
