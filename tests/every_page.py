"""Every page of ours by its name, for pictures and for checks that hold for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """What the addresses of one installation's pages are made of."""

    study_uid: str
    patient: int
    template: int
    rule: str


def page_addresses(places: Places) -> dict[str, str]:
    """Name of a page -> its address, as an admin who also reads images sees them; the viewer is OHIF's, not ours."""
    study = f"/studies/{places.study_uid}/"
    return {
        "worklist": "/",
        "upload": "/upload/",
        "break-glass": "/break-glass/",
        "study": study,
        "series": f"{study}series/",
        "panel": f"/panel/{places.study_uid}/",
        "model": "/models/",
        "patients": "/patients/",
        "patient": f"/patients/{places.patient}/",
        "film": f"/patients/{places.patient}/film/",
        "links": f"/patients/{places.patient}/links/",
        "cohort": "/cohort/",
        "problems": "/problems/",
        "system": "/system/",
        "dashboard": "/dashboard/",
        "audit": "/audit/",
        "drift": "/drift/",
        "accounts": "/administration/",
        "account-new": "/administration/users/new/",
        "tokens": "/administration/tokens/",
        "scanners": "/administration/scanners/",
        "destinations": "/administration/destinations/",
        "models": "/administration/models/",
        "site": "/administration/site/",
        "templates": "/templates/",
        "template": f"/templates/{places.template}/",
        "inbox": "/inbox/",
        "rules": "/rules/",
        "rule": f"/rules/edit/{places.rule}/",
        "rule-new": "/rules/new/",
        "rule-explain": "/rules/explain/",
        "rule-versions": "/rules/versions/",
        "rule-version": "/rules/versions/1/",
    }


def rule_named_in(page: str) -> str:
    """The key of the first rule that the page of rules links to."""
    found = re.search(r"/rules/edit/([^/]+)/", page)
    if found is None:
        raise ValueError("The page of rules links to no rule.")
    return found.group(1)
