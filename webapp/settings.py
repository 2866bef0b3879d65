"""Every setting, and the only reader of the environment.

`make up` writes what it generated (secrets, addresses of the private services) to `stack.env` in the data folder;
a variable of the process always wins, so each service can be replaced by an external one.
"""

import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from webapp.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("GLIOMA_VAR") or BASE_DIR / "var").resolve()
env = Environment(VAR_DIR / "stack.env")

# Without a database nothing can log in and there is nothing to protect (`manage.py phantom`, `makemigrations`),
# so a throw-away key does. With one, the key is required: sessions must survive a restart.
DATABASE_URL = env.text("DATABASE_URL")
SECRET_KEY = env.text("SECRET_KEY") if DATABASE_URL else get_random_secret_key()
# What research exports are pseudonymised with; keep it, or the same patient gets another name.
PSEUDONYM_KEY = env.text("PSEUDONYM_KEY", SECRET_KEY)
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", "")
BEHIND_HTTPS = env.flag("BEHIND_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_HTTPS
# A browser that came by TLS once comes back by TLS only. The proxy itself turns plain requests away.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if BEHIND_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_HTTPS else None
# Addresses or networks of the proxies before this server, whose X-Forwarded-For is believed.
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES", "")
# Two copies on one host (other ports) share the browser's cookie jar: each has its own cookie name.
SESSION_COOKIE_NAME = f"glioma_session_{env.text('PORT', '8000')}"
CSRF_COOKIE_NAME = f"glioma_csrf_{env.text('PORT', '8000')}"
SESSION_COOKIE_AGE = env.number("SESSION_HOURS", 12) * 3600
X_FRAME_OPTIONS = "SAMEORIGIN"

INSTALLED_APPS = [
    "django_dramatiq",
    "review",
    "frontend",
    "review.admin_config.TablesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
]

MIDDLEWARE = [
    "webapp.proxies.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "webapp.headers.DefaultPolicy",
    "webapp.refusals.RefuseNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "review.site_access.LimitToSites",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "frontend.pages.site.in_templates",
                "frontend.pages.break_glass.in_templates",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)
    if DATABASE_URL
    else {"ENGINE": "django.db.backends.dummy"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
# Single sign-on by OpenID Connect: off without an issuer, whose own address tells its endpoints and keys.
OIDC_ISSUER = env.text("OIDC_ISSUER")
OIDC_RP_CLIENT_ID, OIDC_RP_CLIENT_SECRET = env.text("OIDC_CLIENT_ID"), env.text("OIDC_CLIENT_SECRET")
OIDC_RP_SIGN_ALGO = env.text("OIDC_SIGN_ALGO", "RS256")
OIDC_RP_SCOPES = env.text("OIDC_SCOPES", "openid profile email")
OIDC_NAME_CLAIM = env.text("OIDC_NAME_CLAIM", "preferred_username")
OIDC_ROLES_CLAIM = env.text("OIDC_ROLES_CLAIM", "groups")
OIDC_ROLES = env.words("OIDC_ROLES", "")  # radiologist=neuroradiology,admin=glioma-admins
OIDC_LABEL = env.text("OIDC_LABEL", "Log in with the hospital's account")
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 10
OIDC_AUTHENTICATION_CALLBACK_URL = "sign-on-back"
LOCAL_LOGIN = env.flag("LOCAL_LOGIN", default=True)  # log-in by name and password
if OIDC_ISSUER and not (OIDC_RP_CLIENT_ID and OIDC_ROLES):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_ROLES.")
if not LOCAL_LOGIN and not OIDC_ISSUER:
    raise ImproperlyConfigured("LOCAL_LOGIN=no without OIDC_ISSUER would let nobody in.")
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    *(["django.contrib.auth.backends.ModelBackend"] if LOCAL_LOGIN else []),
    *(["review.single_sign_on.SingleSignOn"] if OIDC_ISSUER else []),
]
# Guessing is stopped per account and address: nobody can lock a colleague out from another machine.
BREAK_GLASS_MINUTES = env.number("BREAK_GLASS_MINUTES", 60)  # how long a patient of another site stays open
AXES_FAILURE_LIMIT = env.number("LOGIN_TRIES", 8)
AXES_COOLOFF_TIME = timedelta(minutes=env.number("LOGIN_LOCK_MINUTES", 15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "frontend.pages.account.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_VERBOSE = False

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Uploaded studies are streamed to disk; the limit only guards the form fields.
DATA_UPLOAD_MAX_NUMBER_FILES = 5000
FILE_UPLOAD_TEMP_DIR = None
UPLOAD_LARGEST_MB = env.number("UPLOAD_LARGEST_MB", 1024)  # one DICOM file, which is held in memory
UPLOAD_ARCHIVE_MB = env.number("UPLOAD_ARCHIVE_MB", 20_000)  # all that one archive unpacks to

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "review.api_tokens.HashedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # No pages made of the API by the library: they would be a second front end, with scripts of its own.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Glioma review",
    "DESCRIPTION": "Studies, jobs and tumour volumes with their intervals. Research use, not a medical device.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "StudyStateEnum": "review.models.Study.State",
        "JobStateEnum": "review.models.Job.State",
        "StageEnum": "review.models.Job.Stage",
    },
    # The page of the API comes from this site: a hospital's browsers reach no other.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# One broker: Redis by default, RabbitMQ by its address.
BROKER_URL = env.text("BROKER_URL") or env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
DRAMATIQ_BROKER = {
    "BROKER": "dramatiq.brokers.rabbitmq.RabbitmqBroker"
    if BROKER_URL.startswith("amqp")
    else "dramatiq.brokers.redis.RedisBroker",
    "OPTIONS": {"url": BROKER_URL},
    "MIDDLEWARE": [
        "dramatiq.middleware.AgeLimit",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.Callbacks",
        "dramatiq.middleware.Retries",
        "dramatiq.middleware.ShutdownNotifications",
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "review.worker.DieWithMaster",
        "review.worker.Recycle",
        "review.worker.Heartbeat",
    ],
}
DRAMATIQ_AUTODISCOVER_MODULES = ["tasks"]

# The PACS. Its credentials stay in this process: browsers reach DICOMweb only through Django.
ORTHANC_URL = env.text("ORTHANC_URL", "http://127.0.0.1:8042")
ORTHANC_USER = env.text("ORTHANC_USER")
ORTHANC_PASSWORD = env.text("ORTHANC_PASSWORD")
DICOM_AET = env.text("DICOM_AET", "GLIOMA")  # as which we call other nodes
ORTHANC_TIMEOUT_S = env.number("ORTHANC_TIMEOUT_S", 60)
NUDGE_TOKEN = env.text("NUDGE_TOKEN")

# Work.
ARTEFACTS_DIR = Path(env.text("ARTEFACTS_DIR", str(VAR_DIR / "artefacts")))
MODEL_DIRS = [BASE_DIR / "segmentation" / "models", VAR_DIR / "models"]
MODEL = env.text("MODEL")  # a name from MODEL_DIRS; empty takes the best installed one
DEVICE = env.text("DEVICE", "auto")
FOLLOW_INTERVAL_S = env.number("FOLLOW_INTERVAL_S", 2)
LEASE_S = env.number("LEASE_S", 20)  # a stage whose worker was silent for so long is started again
SEGMENT_COLOURS = env.text("SEGMENT_COLOURS", "paper")  # or "safe": told apart with every colour blindness
OVERLAY_STEP_MM = env.number(
    "OVERLAY_STEP_MM", 3
)  # of thinner slices not each gets a colour image; 0: each does
OVERLAY_COMPRESSION = env.text("OVERLAY_COMPRESSION", "none")  # or "jpeg-ls", which is lossless
MAX_ATTEMPTS = env.number("MAX_ATTEMPTS", 3)
LOW_DISK_MB = env.number("LOW_DISK_MB", 5000)  # people are told; work stops at a fifth of it
# Prepared studies lie on the disk until they are segmented: no more of them than this.
PREPARE_AHEAD = env.number("PREPARE_AHEAD", 40)
# A worker that holds more after a job is started afresh; one that takes more during a job is ended.
WORKER_RECYCLE_MB = env.number("WORKER_RECYCLE_MB", 6000)
WORKER_MEMORY_MB = env.number("WORKER_MEMORY_MB", 12_000)
WAIT_FOR_SERIES_H = env.number("WAIT_FOR_SERIES_H", 24)

# Heartbeat: how often a phantom study goes through the whole system (0: never), when it counts as late, and the DICOM
# node that takes studies, AET@HOST:PORT.
HEARTBEAT_MINUTES = env.number("HEARTBEAT_MINUTES", 60)
HEARTBEAT_LATE_MINUTES = env.number("HEARTBEAT_LATE_MINUTES", 30)
HEARTBEAT_TO = env.text(
    "HEARTBEAT_TO", f"{env.text('DICOM_AET', 'GLIOMA')}@127.0.0.1:{env.text('DICOM_PORT', '4242')}"
)

# Alerts: addresses and a webhook that hear of studies that ended without a result; empty: shown on the pages only.
WEB_URL = env.text(
    "WEB_URL", f"http://127.0.0.1:{env.text('PORT', '8000')}"
)  # where the follower finds the pages
SITE_URL = env.text("SITE_URL", f"http://localhost:{env.text('PORT', '8000')}").rstrip("/")
ALERT_MAIL_TO = env.words("ALERT_MAIL_TO", "")
ALERT_WEBHOOK_URL = env.text("ALERT_WEBHOOK_URL")
ALERT_QUIET_MINUTES = env.number(
    "ALERT_QUIET_MINUTES", 30
)  # a part that comes and goes is told of once in that time
EMAIL_HOST, EMAIL_PORT = env.text("EMAIL_HOST", "localhost"), env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.text("EMAIL_USER"), env.text("EMAIL_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "glioma-review@localhost")

# Prometheus: with a token anybody who has it may scrape /metrics, without one only this very machine.
METRICS_TOKEN = env.text("METRICS_TOKEN")

OHIF_DIR = Path(env.text("OHIF_DIR", str(BASE_DIR / "frontend" / "ohif" / "dist")))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "review.log_lines.JsonLine"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": env.text("LOG_FORMAT", "line")}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    # Request lines of the clients below would put study and patient identifiers into the logs.
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpcore", "highdicom")},
}
