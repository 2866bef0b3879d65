"""The tags and filters that a report template may use, and no others: nothing here reads files, settings or rows."""

from __future__ import annotations

from django.template import Library
from django.template.defaultfilters import capfirst, default, join, lower, upper
from django.template.defaulttags import comment, do_for, do_if

register = Library()
register.tag("if", do_if)
register.tag("for", do_for)
register.tag("comment", comment)
for _filter in (capfirst, default, join, lower, upper):
    register.filter(_filter.__name__, _filter)
