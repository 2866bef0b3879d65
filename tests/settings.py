"""Settings of the test run: the product's own, pointed at servers that exist for this run only."""

import os

from tests.services import forget_caller, start_services

forget_caller()
os.environ.update(start_services())

from webapp.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# No `collectstatic` in tests: static files come from where they are written.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
ARTEFACTS_DIR.mkdir(parents=True, exist_ok=True)  # noqa: F405
