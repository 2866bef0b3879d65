from django.db import migrations

ROLES = ("viewer", "radiologist", "admin", "service")


def install(apps, schema_editor):
    apps.get_model("review", "RoutingRule").objects.get_or_create(
        name="MR studies",
        defaults={"conditions": [{"tag": "Modality", "test": "equals", "value": "MR"}], "order": 100},
    )
    for role in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [
        ("review", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
