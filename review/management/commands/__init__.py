"""`manage.py accounts`, `follow`, `phantom`."""
