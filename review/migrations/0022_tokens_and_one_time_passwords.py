import hashlib

import django.db.models.deletion
import django.utils.timezone
import review.models.tokens
from django.conf import settings
from django.db import migrations, models


def take_over(apps, schema_editor):
    """Digests take the place of tokens that earlier versions kept readable; their holders notice nothing."""
    connection = schema_editor.connection
    if "authtoken_token" not in connection.introspection.table_names():
        return
    kept = apps.get_model("review", "ApiToken")
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, user_id, created FROM authtoken_token")
        for key, user_id, created in cursor.fetchall():
            kept.objects.create(
                name="installation",
                user_id=user_id,
                digest=hashlib.sha256(key.encode()).hexdigest(),
                starts_with=key[:6],
                made_by="an earlier version",
                made_at=created,
            )
        cursor.execute("DROP TABLE authtoken_token")


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0021_storage_and_start_overs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for', max_length=100)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('starts_with', models.CharField(max_length=8)),
                ('scopes', models.JSONField(default=review.models.tokens.scopes)),
                ('made_by', models.CharField(max_length=150)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Empty only for the one of the installation', null=True)),
                ('used_at', models.DateTimeField(blank=True, help_text='Last use, to the minute', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_by', models.CharField(blank=True, max_length=150)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-made_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='OneTimePassword',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('given_by', models.CharField(max_length=150)),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='one_time_password', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
