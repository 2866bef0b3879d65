"""From an announced study to its rows, its state and, where it is wanted and whole, its job."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orthanc.client import OrthancClient
from orthanc.connection_test import is_connection_test
from orthanc.errors import NotInOrthancError
from orthanc.roles import guess_role
from orthanc.series import choose_series
from orthanc.types import Role, SeriesChoice, SeriesHeader, StudyHeader
from orthanc.uids import looks_like_uid
from review import routing, routing_documents
from review.columns import dicom_date, dicom_time, fit
from review.job_start import start_job
from review.models import Heartbeat, IntakeProblem, RoutingRule, Series, Study, roles_told
from review.models.intake import as_study_header
from review.scanners import why_not_from
from review.selectors import enabled_rules

log = logging.getLogger(__name__)


def take_study(pacs: OrthancClient, orthanc_id: str) -> Study | None:
    """Bring the rows of a study up to what Orthanc holds now, and start its job when it is due.

    Safe to call any number of times: a study announced again, or our own results in it, start nothing.
    Returns None where the study is no longer there, cannot be named or told from another, or is the picture of a test.
    """
    try:
        header = pacs.study_header(orthanc_id)
    except NotInOrthancError:
        for study in Study.everything.filter(orthanc_id=orthanc_id):
            study.mark_deleted()
        return None
    if is_connection_test(header) or _is_without_uid(header) or _is_known_under_another_patient(pacs, header):
        return None
    return record_study(header)


@transaction.atomic
def record_study(header: StudyHeader) -> Study:
    """Write down a study as its header tells it, and decide what becomes of it."""
    study = _study_row(header)
    _choose_and_decide(study, header)
    return study


def decide_anew(study: Study, *, by: str = "") -> None:
    """Choose and decide again from the stored headers, because a person or a look at the images said something new.

    Call it in the transaction that writes down what was said.
    """
    _choose_and_decide(study, as_study_header(study), by=by)


def _choose_and_decide(study: Study, header: StudyHeader, *, by: str = "") -> None:
    told = roles_told(study)
    _forget_old_looks(study, header)
    flaws = dict(study.series.exclude(flaw="").values_list("series_uid", "flaw"))
    foreign = _foreign_series(header)
    # Who names a flawed series gets it, and its reason again; nobody else does.
    usable = [one for one in foreign if one.series_uid in told or one.series_uid not in flaws]
    rules = {rule.pk: rule for rule in enabled_rules()}
    if refusal := why_not_from(header.calling_aet):
        verdict = routing.Verdict(None, refusal)
    else:
        verdict = routing.find_rule([rule.as_rule() for rule in rules.values()], header)
    seen = {one.series_uid: one.as_seen() for one in study.series.exclude(seen_role="")}
    choice = choose_series(usable, told, {**seen, **routing.roles_by_rule(verdict.rule, usable)})
    _write_series(study, header, choice, flaws)
    if study.is_heartbeat:
        _decide_heartbeat(study, choice)
        return
    _decide(study, choice, verdict, rules, by=by)


def _forget_old_looks(study: Study, header: StudyHeader) -> None:
    """A series that has other images than when it was read may be whole by now, or show something else."""
    digests = {one.series_uid: one.instances_digest for one in header.series}
    for series in study.series.exclude(flaw="", seen_role=""):
        if digests.get(series.series_uid) != series.instances_digest:
            Series.objects.filter(pk=series.pk).update(flaw="", seen_role="", seen_reason="")


def _foreign_series(header: StudyHeader) -> tuple[SeriesHeader, ...]:
    return tuple(one for one in header.series if not one.is_ours)


def _is_without_uid(header: StudyHeader) -> bool:
    """Whether nothing could ever name this study, no viewer and no address; it is put on the problem list."""
    if looks_like_uid(header.study_uid):
        return False
    reason = "Its study UID is no UID (digits and dots, 64 at most). Send it again with a right one."
    name = f"Study {header.orthanc_id} in Orthanc"
    IntakeProblem.objects.get_or_create(name=name, source=IntakeProblem.Source.PACS, reason=reason)
    return True


def _is_known_under_another_patient(pacs: OrthancClient, header: StudyHeader) -> bool:
    """Whether Orthanc holds this study UID twice, for two patients; the second is put on the problem list."""
    known = Study.everything.filter(study_uid=header.study_uid, deleted_at=None).first()
    if known is None or known.orthanc_id in ("", header.orthanc_id):
        return False
    try:
        pacs.study_header(known.orthanc_id)
    except NotInOrthancError:
        return False
    name = f"Study {header.study_uid}"
    reason = "The same study UID came under another patient ID. The study that came first was kept."
    IntakeProblem.objects.get_or_create(
        name=name, source=IntakeProblem.Source.PACS, reason=reason, defaults={"study": known}
    )
    return True


def _study_row(header: StudyHeader) -> Study:
    values: dict[str, Any] = {
        "orthanc_id": header.orthanc_id,
        "patient_id": header.patient_id,
        "patient_id_issuer": header.issuer,
        "patient_name": header.patient_name,
        "patient_birth_date": dicom_date(header.birth_date),
        "patient_sex": header.sex,
        "study_date": dicom_date(header.study_date),
        "study_time": dicom_time(header.study_time),
        "accession_number": header.accession_number,
        "description": header.description,
        "institution": header.institution,
        "calling_aet": header.calling_aet,
    }
    fitted = {name: fit(Study, name, value) for name, value in values.items()}
    fitted |= {"is_heartbeat": Heartbeat.knows(header.study_uid)}
    study, created = Study.everything.select_for_update().get_or_create(
        study_uid=header.study_uid, defaults=fitted
    )
    changed = {name: value for name, value in fitted.items() if getattr(study, name) != value}
    if study.deleted_at is not None:
        changed |= {"deleted_at": None}
    if changed and not created:
        Study.everything.filter(pk=study.pk).update(**changed, changed_at=timezone.now())
        study.refresh_from_db()
    return study


def _write_series(study: Study, header: StudyHeader, choice: SeriesChoice, flaws: dict[str, str]) -> None:
    study.series.exclude(series_uid__in=[one.series_uid for one in header.series]).delete()
    chosen = {one.series_uid: role for role, one in choice.picked.items()}
    for one in header.series:
        guess = choice.guesses.get(one.series_uid)
        if guess is None and not one.is_ours:
            guess = guess_role(one)
        role = chosen.get(one.series_uid)
        reason = choice.reasons.get(role, "") if role else choice.passed_over.get(one.series_uid, "")
        if flaw := flaws.get(one.series_uid):
            reason = f"Cannot be used: {flaw}"
        values: dict[str, Any] = {
            "study": study,
            "orthanc_id": one.orthanc_id,
            "header": one.to_dict(),
            "modality": one.modality,
            "description": one.description,
            "series_number": one.series_number,
            "n_images": one.n_images,
            "instances_digest": one.instances_digest,
            "is_ours": one.is_ours,
            "is_stable": one.is_stable,
            "role": guess.role if guess else Role.NONE,
            "role_confidence": guess.confidence if guess else 0.0,
            "role_reason": guess.reason if guess else "",
            "is_chosen": role is not None,
            "choice_reason": "Our own result." if one.is_ours else reason,
        }
        fitted = {name: fit(Series, name, value) for name, value in values.items()}
        Series.objects.update_or_create(series_uid=one.series_uid, defaults=fitted)


def _decide_heartbeat(study: Study, choice: SeriesChoice) -> None:
    """No rule of the site decides about a phantom of ours, and nothing of it goes to anybody."""
    rule = RoutingRule(name="Heartbeat", urgency=routing_documents.Urgency.URGENT)
    if choice.is_complete and all(one.is_stable for one in choice.picked.values()):
        start_job(study, choice, rule)


def _decide(
    study: Study,
    choice: SeriesChoice,
    verdict: routing.Verdict,
    rules: dict[int, RoutingRule],
    *,
    by: str = "",
) -> None:
    """Where the study stands now. A study that has a job keeps its state until other series are chosen."""
    foreign = list(study.series.filter(is_ours=False))
    if not foreign:
        study.move(Study.State.NOT_WANTED, "It holds only results of this software.")
        return
    is_settled = all(one.is_stable for one in foreign)
    if verdict.rule is None:
        if study.current_job_id is None:
            state = Study.State.NOT_WANTED if is_settled else Study.State.RECEIVING
            study.move(state, verdict.reason if is_settled else "Images are still arriving.")
        return
    rule = rules[verdict.rule.key]
    Study.everything.filter(pk=study.pk).update(matched_rule=rule)
    if choice.is_complete and all(one.is_stable for one in choice.picked.values()):
        start_job(study, choice, rule, by=by)
    elif study.current_job_id is None:
        _wait(study, choice, rule, is_settled=is_settled)


def _wait(study: Study, choice: SeriesChoice, rule: RoutingRule, *, is_settled: bool) -> None:
    if not is_settled:
        study.move(Study.State.RECEIVING, "Images are still arriving.", wait_deadline=study.wait_deadline)
        return
    hours = settings.WAIT_FOR_SERIES_H if rule.wait_hours is None else rule.wait_hours
    deadline = study.wait_deadline or timezone.now() + timedelta(hours=hours)
    text = missing_words(choice)
    if deadline <= timezone.now():
        study.move(_after_wait(rule), f"{text} Waited {hours} h.", wait_deadline=deadline)
    else:
        study.move(Study.State.WAITING, text, wait_deadline=deadline)


def _after_wait(rule: RoutingRule | None) -> Study.State:
    discards = rule is not None and rule.after_wait == routing_documents.AfterWait.DISCARD
    return Study.State.NOT_WANTED if discards else Study.State.INCOMPLETE


def missing_words(choice: SeriesChoice) -> str:
    """What the worklist says of missing roles: "Missing FLAIR: No FLAIR in this study (3 series seen)."."""
    why = " ".join(choice.reasons[role] for role in choice.missing)
    return f"Missing {' and '.join(choice.missing)}: {why}"


def expire_waits() -> int:
    """Give up on studies whose missing series did not come in time; how many."""
    late = Study.objects.filter(state=Study.State.WAITING, wait_deadline__lte=timezone.now())
    return sum(_expire(study) for study in late.select_related("matched_rule"))


def _expire(study: Study) -> bool:
    rule = study.matched_rule
    hours = settings.WAIT_FOR_SERIES_H if rule is None or rule.wait_hours is None else rule.wait_hours
    return study.move(
        _after_wait(rule),
        f"{study.reason} Waited {hours} h.",
        wait_deadline=study.wait_deadline,
        only_from=(Study.State.WAITING,),
    )
