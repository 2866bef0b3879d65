
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0010_report_templates'),
    ]

    operations = [
        migrations.AddField(
            model_name='flag',
            name='note_at',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='When the note is written (again)'),
        ),
        migrations.AddField(
            model_name='flag',
            name='note_error',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='flag',
            name='note_sop_uid',
            field=models.CharField(blank=True, help_text='The rejection note in Orthanc; empty: not written yet', max_length=64),
        ),
        migrations.AddField(
            model_name='flag',
            name='note_tries',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
