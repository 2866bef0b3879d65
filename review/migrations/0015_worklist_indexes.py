
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0014_identity_links'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['-changed_at', '-id'], name='studies_by_change'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(models.F('patient_name'), models.F('patient_id'), models.OrderBy(models.F('study_date'), descending=True, nulls_last=True), models.F('id'), name='studies_by_patient'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(models.OrderBy(models.F('study_date'), descending=True, nulls_last=True), models.OrderBy(models.F('study_time'), descending=True), models.OrderBy(models.F('id'), descending=True), name='studies_by_date'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['state', '-changed_at'], name='studies_by_state'),
        ),
    ]
