"""`manage.py rules`: the rule set as YAML, to review it in git; the versions, and the way back."""

from __future__ import annotations

import getpass
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from review.models import RuleSetVersion
from review.routing_documents import complete, new_key, problems_in_rule_set
from review.routing_words import sentence
from review.rule_sets import RuleSetError, restore_version, save_rule_set
from review.rule_trial import try_rules
from review.rule_versions import current_number, rules_in_force

MOST_BYTES = 4 * 1024 * 1024


class Command(BaseCommand):
    """Export, import, list, go back."""

    help = "Write the routing rules as YAML, take them from YAML, list their versions, go back to one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Four verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("export", help="write the rules in force to standard output")
        take = verbs.add_parser("import", help="put the rules of a file in force, as a new version")
        take.add_argument("file", type=Path, help="YAML; - for standard input")
        take.add_argument("--why", default="", help="the reason, kept with the version")
        take.add_argument("--dry-run", action="store_true", help="only say what would change")
        take.add_argument("--days", type=int, default=30, help="how far back studies are tried (default 30)")
        verbs.add_parser("versions", help="list the versions, newest first")
        back = verbs.add_parser("restore", help="go back to the rules of a version, as a new version")
        back.add_argument("number", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says."""
        by = f"{getpass.getuser()} (manage.py)"
        try:
            if options["verb"] == "export":
                self.stdout.write(as_yaml(rules_in_force()))
            elif options["verb"] == "import":
                self._take(options, by)
            elif options["verb"] == "restore":
                self.stdout.write(f"{restore_version(options['number'], by=by)} is in force.")
            else:
                for version in RuleSetVersion.objects.all():
                    self.stdout.write(
                        f"{version.number:4}  {version.at:%Y-%m-%d %H:%M}  {version.by}: {version.why}"
                    )
        except RuleSetError as error:
            raise CommandError(str(error)) from error

    def _take(self, options: dict[str, Any], by: str) -> None:
        rules = from_yaml(_text_of(options["file"]))
        if problems := problems_in_rule_set(rules):
            raise CommandError("\n".join(problems))
        if options["dry_run"]:
            self._say_what_would_change(rules, options["days"])
            return
        version = save_rule_set(rules, by=by, why=options["why"], based_on=current_number())
        self.stdout.write(f"{version} is in force.")

    def _say_what_would_change(self, rules: list[dict[str, Any]], days: int) -> None:
        for rule in rules:
            self.stdout.write(f"“{rule['name']}”: {sentence(rule)}")
        trial = try_rules(rules, since=timezone.now() - timedelta(days=days))
        self.stdout.write(f"Tried on {trial.n_studies} studies of the last {days} days; nothing was saved.")
        for kind, count in trial.counts().items():
            self.stdout.write(f"{count:5}  {kind}")
        for change in trial.changes:
            self.stdout.write(f"{change.study_uid}  {change.kind}: {change.before} -> {change.after}")


def _text_of(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read(MOST_BYTES)
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def as_yaml(rules: list[dict[str, Any]]) -> str:
    """The rules as text that a person can read and compare."""
    return yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=110)


def from_yaml(text: str) -> Any:
    """The rules of a text; fields that are left out have their default, rules without a key get one.

    Raises:
        CommandError: the text is no YAML.
    """
    try:
        read = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise CommandError(f"The file is no YAML: {error}") from error
    if not isinstance(read, list):
        return read
    keys = {rule["name"]: rule["key"] for rule in rules_in_force()}
    return [
        complete({"key": keys.get(str(rule.get("name")), new_key()), **rule})
        if isinstance(rule, dict)
        else rule
        for rule in read
    ]
