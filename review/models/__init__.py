"""The rows of the domain, and their state changes. The row is the seam between processes."""

from review.models.accounts import OneTimePassword
from review.models.alerts import Alert
from review.models.algorithm import Activation, Algorithm
from review.models.audit import AppendOnlyError, AuditAction, AuditEntry
from review.models.comparisons import Comparison
from review.models.corrections import Correction
from review.models.course import IdentityLink, PatientSetting, TreatmentEvent
from review.models.deliveries import Delivery, ResultObject
from review.models.heartbeats import Heartbeat
from review.models.intake import IntakeProblem, Series, Study
from review.models.lesions import Following, TrackedLesion
from review.models.macros import CopiedReport, ReportTemplate, TemplateVersion
from review.models.network import DestinationNode, Scanner
from review.models.outages import Outage
from review.models.overrides import SeriesOverride, roles_told
from review.models.results import Measurement, Result
from review.models.rule_sets import IgnoredVariant, RuleSetDraft, RuleSetVersion
from review.models.settings import FollowerState, QualityPolicy, RoutingRule
from review.models.shadow import ShadowRun
from review.models.sign_on import SignOnAccount
from review.models.site import SiteSettings
from review.models.sites import BrokenGlass, PermittedSite
from review.models.tokens import ApiToken, Scope
from review.models.verdicts import Acceptance, Flag, Opinion
from review.models.views import SavedView
from review.models.work import Job, LostLeaseError
from review.models.workers import WorkerBeat

__all__ = [
    "Acceptance",
    "Activation",
    "Alert",
    "Algorithm",
    "ApiToken",
    "AppendOnlyError",
    "AuditAction",
    "AuditEntry",
    "BrokenGlass",
    "Comparison",
    "CopiedReport",
    "Correction",
    "Delivery",
    "DestinationNode",
    "Flag",
    "FollowerState",
    "Following",
    "Heartbeat",
    "IdentityLink",
    "IgnoredVariant",
    "IntakeProblem",
    "Job",
    "LostLeaseError",
    "Measurement",
    "OneTimePassword",
    "Opinion",
    "Outage",
    "PatientSetting",
    "PermittedSite",
    "QualityPolicy",
    "ReportTemplate",
    "Result",
    "ResultObject",
    "RoutingRule",
    "RuleSetDraft",
    "RuleSetVersion",
    "SavedView",
    "Scanner",
    "Scope",
    "Series",
    "SeriesOverride",
    "ShadowRun",
    "SignOnAccount",
    "SiteSettings",
    "Study",
    "TemplateVersion",
    "TrackedLesion",
    "TreatmentEvent",
    "WorkerBeat",
    "roles_told",
]
