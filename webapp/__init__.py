"""The Django project: settings, URLs, and the commands that run the whole stack."""
