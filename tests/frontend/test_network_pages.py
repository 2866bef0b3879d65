"""Scanners and destinations on their pages, tried against a second, real Orthanc."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.connection_test import PATIENT_ID, made_up_picture
from orthanc.destinations import known_destinations
from orthanc.server.process import RunningOrthanc, free_port, start_orthanc
from review.destinations import make_known, save_destination
from review.intake import record_study, take_study
from review.models import AuditAction, AuditEntry, DestinationNode, Scanner, Study
from review.rule_sets import save_rule_set
from review.rule_versions import current_number
from review.sealing import CannotUnsealError, seal, unseal
from review.site import change_site
from tests.review import factories
from tests.review.conftest import install_model, model  # noqa: F401

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrthanc]:
    with start_orthanc(tmp_path_factory.mktemp("other"), aet="OTHER") as running:
        yield running


@pytest.fixture
def admin(as_role: LogIn) -> Client:
    return as_role("admin")


def web_form(other: RunningOrthanc, **values: object) -> dict[str, object]:
    return {
        "name": "VNA",
        "kind": "web",
        "url": f"{other.url}/dicom-web/",
        "username": other.username,
        "password": other.password,
        **values,
    }


def dicom_form(other: RunningOrthanc, **values: object) -> dict[str, object]:
    return {
        "name": "PACS",
        "kind": "dicom",
        "aet": "OTHER",
        "host": "127.0.0.1",
        "port": other.dicom_port,
        **values,
    }


def try_out(admin: Client, name: str) -> str:
    page = admin.post("/administration/destinations/try/", {"name": name}, follow=True)
    return page.content.decode()


@pytest.mark.stack
@pytest.mark.parametrize("form", [dicom_form, web_form])
def test_a_destination_is_entered_tried_and_gets_the_picture(
    admin: Client, orthanc: OrthancClient, other: RunningOrthanc, form: Callable[..., dict[str, object]]
) -> None:
    assert admin.post("/administration/destinations/", form(other)).status_code == 302
    node = DestinationNode.objects.get()
    with other.client() as there:
        before = set(there.studies())
        assert "It took a test picture after" in try_out(admin, node.rule_name)
        (arrived,) = set(there.studies()) - before
        assert there.study_header(arrived).patient_id == PATIENT_ID
    assert not [one for one in orthanc.studies() if orthanc.study_header(one).patient_id == PATIENT_ID]
    node.refresh_from_db()
    assert node.test_said.startswith("It took")
    assert other.password not in str(DestinationNode.objects.values())
    said = [one.details["what"] for one in AuditEntry.objects.filter(action=AuditAction.SITE_CHANGED)]
    assert set(said) == {"destination", "destination tried"}
    admin.post(f"/administration/destinations/{node.pk}/remove/")
    assert node.rule_name not in known_destinations(orthanc)


@pytest.mark.stack
def test_a_destination_that_does_not_answer_says_so(
    admin: Client, orthanc: OrthancClient, other: RunningOrthanc
) -> None:
    admin.post("/administration/destinations/", dicom_form(other, name="DEAD", port=free_port()))
    assert "DEAD does not answer" in try_out(admin, "DEAD")
    assert "Orthanc knows no modality called NOBODY" in try_out(admin, "NOBODY")
    assert not [one for one in orthanc.studies() if orthanc.study_header(one).patient_id == PATIENT_ID]


@pytest.mark.stack
def test_orthanc_is_told_again_of_a_server_that_it_forgot(
    orthanc: OrthancClient, other: RunningOrthanc
) -> None:
    node = DestinationNode(
        name="VNA", kind="web", url=f"{other.url}/dicom-web/", username="u", sealed_password=seal("x")
    )
    save_destination(node, by="admin")
    orthanc.delete_path("/dicom-web/servers/VNA")
    assert "dicomweb:VNA" not in known_destinations(orthanc)
    make_known(orthanc, "dicomweb:VNA")
    assert "dicomweb:VNA" in known_destinations(orthanc)


@pytest.mark.stack
def test_a_destination_that_a_rule_names_stays(
    admin: Client, orthanc: OrthancClient, other: RunningOrthanc
) -> None:
    admin.post("/administration/destinations/", dicom_form(other))
    rule = {**factories.default_rule().as_document(), "destinations": ["PACS SEG"]}
    save_rule_set([rule], by="ada", why="send", based_on=current_number())
    page = admin.post(
        f"/administration/destinations/{DestinationNode.objects.get().pk}/remove/", follow=True
    ).content.decode()
    assert "It stays: “MR studies” sends to it." in page
    assert DestinationNode.objects.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"aet": ""}, "It is needed for this kind of destination."),
        ({"port": "99999"}, "less than or equal to 65535"),
        ({"host": "a b"}, "A host is a name or an address."),
        ({"name": "../x"}, "A name has 1 to 32"),
        ({"aet": "WAY TOO LONG AE TITLE"}, "at most 16 characters"),
        ({"kind": "web"}, "It is needed for this kind of destination."),
        ({"kind": "web", "url": "file:///etc/passwd"}, "valid URL"),
    ],
)
def test_a_destination_that_cannot_be_is_refused_at_its_field(
    admin: Client, settings: DjangoSettings, changed: dict[str, object], words: str
) -> None:
    settings.ORTHANC_URL = f"http://127.0.0.1:{free_port()}"
    sent = {"name": "PACS", "kind": "dicom", "aet": "OTHER", "host": "127.0.0.1", "port": "104", **changed}
    page = admin.post("/administration/destinations/", sent)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert not DestinationNode.objects.exists()


def test_without_orthanc_nothing_is_kept_and_the_page_says_why(
    admin: Client, settings: DjangoSettings
) -> None:
    settings.ORTHANC_URL = f"http://127.0.0.1:{free_port()}"
    sent = {"name": "PACS", "kind": "dicom", "aet": "OTHER", "host": "127.0.0.1", "port": "104"}
    page = admin.post("/administration/destinations/", sent)
    assert "Not kept: Orthanc at" in page.content.decode()
    assert not DestinationNode.objects.exists()


def test_a_sealed_password_is_lost_with_the_secret_key(settings: DjangoSettings) -> None:
    sealed = seal("owl")
    assert "owl" not in sealed
    assert (unseal(sealed), unseal("")) == ("owl", "")
    settings.SECRET_KEY = "another"
    with pytest.raises(CannotUnsealError, match="enter the password again"):
        unseal(sealed)


@pytest.mark.stack
def test_a_scanner_is_listed_and_answers_a_c_echo(admin: Client, other: RunningOrthanc) -> None:
    sent = {
        "name": "Prisma 1",
        "aet": "OTHER",
        "host": "127.0.0.1",
        "port": other.dicom_port,
        "is_allowed": "on",
    }
    assert admin.post("/administration/scanners/", sent).status_code == 302
    scanner = Scanner.objects.get()
    page = admin.post(f"/administration/scanners/{scanner.pk}/echo/", follow=True).content.decode()
    assert "It answered after" in page
    Scanner.objects.update(port=free_port())
    page = admin.post(f"/administration/scanners/{scanner.pk}/echo/", follow=True).content.decode()
    assert "does not answer." in page
    told = AuditEntry.objects.filter(details__what="scanner tested").order_by("pk")
    answered, silent = (line.details["said"] for line in told)
    assert answered.startswith("It answered")
    assert "does not answer" in silent
    admin.post(f"/administration/scanners/{scanner.pk}/remove/")
    assert not Scanner.objects.exists()


def test_only_listed_senders_are_processed_once_an_admin_says_so(
    model: object,  # noqa: F811
    admin: Client,
) -> None:
    stranger = factories.study_header(calling_aet="STRANGER")
    assert record_study(stranger).state == Study.State.QUEUED
    Study.objects.all().delete()
    change_site({"only_listed_senders": True}, by="admin")
    study = record_study(stranger)
    assert (study.state, study.reason) == (
        Study.State.NOT_WANTED,
        "It came from the AE title STRANGER, which is not allowed to send.",
    )
    page = admin.get("/administration/scanners/").content.decode()
    assert "<code>STRANGER</code>" in page
    admin.post("/administration/scanners/", {"name": "New one", "aet": "STRANGER", "is_allowed": "on"})
    assert record_study(stranger).state == Study.State.QUEUED
    uploaded = factories.study_header(study_uid="1.2.9", orthanc_id="o-9")
    assert record_study(uploaded).state != Study.State.NOT_WANTED


@pytest.mark.stack
def test_the_picture_of_a_test_never_becomes_a_study(orthanc: OrthancClient) -> None:
    stored = orthanc.store(made_up_picture())
    assert take_study(orthanc, stored.study_orthanc_id) is None
    assert not Study.objects.exists()
    orthanc.delete_study(stored.study_orthanc_id)
