import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from review.default_templates import install_default_templates


def install(apps, schema_editor):
    install_default_templates(
        apps.get_model("review", "ReportTemplate"), apps.get_model("review", "TemplateVersion")
    )


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0009_objects_of_results'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('language', models.CharField(choices=[('en', 'English'), ('de', 'Deutsch')], default='en', max_length=2)),
                ('phase', models.CharField(blank=True, choices=[('preop', 'preop'), ('postop', 'postop'), ('unknown', 'unknown')], help_text='Offered for results of this phase; empty: for all', max_length=8)),
                ('site', models.CharField(blank=True, help_text='Offered for studies of this institution; empty: for all', max_length=255)),
                ('enabled', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='TemplateVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='review.reporttemplate')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='CopiedReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='copied_reports', to='review.result')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='copies', to='review.templateversion')),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='templateversion',
            constraint=models.UniqueConstraint(fields=('template', 'number'), name='one_template_version_per_number'),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
