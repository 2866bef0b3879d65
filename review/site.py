"""Writes of the site's settings."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from review.audit import record
from review.models import AuditAction, SiteSettings


@transaction.atomic
def change_site(values: dict[str, Any], *, by: str) -> SiteSettings:
    """Keep what an admin decided; what it was before is in the audit log. The values must be clean."""
    SiteSettings.objects.get_or_create(pk=1)
    site = SiteSettings.objects.select_for_update().get(pk=1)
    changed = {name: value for name, value in values.items() if getattr(site, name) != value}
    if changed:
        before = {name: getattr(site, name) for name in changed}
        SiteSettings.objects.filter(pk=1).update(**changed)
        for name, value in changed.items():
            record(AuditAction.SITE_CHANGED, by, what=name, before=before[name], after=value)
    return SiteSettings.load()
