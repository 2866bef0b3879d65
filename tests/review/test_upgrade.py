"""An installation of the first release comes to the newest one by its migrations, and everything is still there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

from tests.end_to_end.installation import REPOSITORY

DUMP = Path(__file__).with_name("first_release.sql")
NAME = "first_release"
ASK = """
import json, django
django.setup()
from django.contrib.auth.models import User
from review.models import FollowerState, RoutingRule, Study
from review.patients import key_of
from review.longitudinal import timeline_of
from review.selectors import counts_by_state, study_detail
study = study_detail("1.2.826.0.1.3680043.8.498.2")
result = study.current_result
print(json.dumps({
    "states": {state: count for state, count in counts_by_state().items() if count},
    "volumes": {name: str(row.ml) for name, row in result.volumes.items()},
    "roles": sorted(one.role for one in study.series.all()),
    "objects": sorted(one.kind for one in result.dicom_objects.all()),
    "deliveries": sorted(one.state for item in result.dicom_objects.all() for one in item.deliveries.all()),
    "visits": len(timeline_of(key_of(study)).visits),
    "rules": [rule.destinations for rule in RoutingRule.objects.all()],
    "groups": sorted(User.objects.get(username="radiologist").groups.values_list("name", flat=True)),
    "last_seq": FollowerState.load().last_seq,
}))
"""


@pytest.fixture
def database(django_db_blocker: object) -> Iterator[str]:
    """The dump of the first release in a database of its own; gives its address."""
    values = connection.settings_dict
    server = f"{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}"
    admin = psycopg2.connect(f"postgres://{server}/postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME}")
        cursor.execute(f"CREATE DATABASE {NAME}")
    old = psycopg2.connect(f"postgres://{server}/{NAME}")
    with old, old.cursor() as cursor:
        cursor.execute(DUMP.read_text())
    old.close()
    yield f"postgres://{server}/{NAME}"
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    admin.close()


def run(database: str, *words: str) -> str:
    """A process of the newest release on that database."""
    environment = {**os.environ, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    done = subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_release_is_brought_up_with_every_study_volume_and_rule(database: str) -> None:
    run(database, "manage.py", "migrate", "--noinput", "--verbosity", "0")
    assert json.loads(run(database, "-c", ASK)) == {
        "states": {"waiting": 1, "queued": 1, "done": 2, "failed": 1},
        "volumes": {"WT": "77.20", "TC": "32.90", "ET": "20.80", "ED": "42.30", "NC": "12.10"},
        "roles": ["FLAIR", "T1", "T1CE", "T2"],
        "objects": ["SEG", "SR"],
        "deliveries": ["waiting", "waiting"],
        "visits": 5,
        "rules": [["PACS"]],
        "groups": ["radiologist"],
        "last_seq": 42,
    }
    assert "No changes" in run(database, "manage.py", "makemigrations", "--check", "--dry-run")
