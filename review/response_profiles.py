"""The profiles of rules that a patient can be read with. Sources and limits: docs/response.md."""

from __future__ import annotations

from review.course_facts import IdhStatus
from review.response_types import NonEnhancing, Profile

WILDTYPE = Profile(
    name="rano-2.0-idh-wildtype",
    title="RANO 2.0, IDH-wildtype glioblastoma",
    non_enhancing=NonEnhancing.WATCHED_WITH_BEVACIZUMAB,
    has_minor_response=False,
)
MUTANT = Profile(
    name="rano-2.0-idh-mutant",
    title="RANO 2.0, IDH-mutant glioma (enhancing and non-enhancing disease)",
    non_enhancing=NonEnhancing.ALWAYS,
    has_minor_response=True,
)
PROFILES = {profile.name: profile for profile in (WILDTYPE, MUTANT)}


def profile_for(name: str, idh: IdhStatus) -> Profile:
    """The profile of this name; where the name is empty, the one that fits the IDH status.

    Unknown status is read as wild type, which the timeline says as something missing.

    Raises:
        KeyError: there is no profile of this name.
    """
    if name:
        return PROFILES[name]
    return MUTANT if idh == IdhStatus.MUTANT else WILDTYPE
