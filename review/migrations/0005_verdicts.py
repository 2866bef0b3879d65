import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0004_models_and_activations'),
    ]

    operations = [
        migrations.CreateModel(
            name='Flag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('compartment', models.CharField(blank=True, choices=[('WT', 'WT'), ('TC', 'TC'), ('ET', 'ET'), ('ED', 'ED'), ('NC', 'NC')], help_text='What is poor; empty: the whole mask', max_length=2)),
                ('reason', models.CharField(choices=[('processing', 'Image processing'), ('artefact', 'Artefact'), ('motion', 'Motion'), ('wrong_series', 'Wrong series'), ('wrong_region', 'Wrong region'), ('missed', 'Missed tumour'), ('too_much', 'Over-segmentation'), ('ventricle', 'Ventricle or choroid plexus labelled'), ('postoperative', 'Post-operative change'), ('other', 'Other')], max_length=16)),
                ('text', models.TextField(blank=True)),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('undone_by', models.CharField(blank=True, max_length=150)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='flags', to='review.result')),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Opinion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agrees', models.BooleanField()),
                ('text', models.TextField(blank=True)),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('flag', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='opinions', to='review.flag')),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Acceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_by', models.CharField(blank=True, max_length=150)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='acceptances', to='review.result')),
            ],
            options={
                'ordering': ['at', 'pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('result', 'by'), name='one_standing_acceptance_per_reader')],
            },
        ),
        migrations.AddIndex(
            model_name='flag',
            index=models.Index(condition=models.Q(('undone_at', None)), fields=['result'], name='standing_flags'),
        ),
        migrations.AddConstraint(
            model_name='flag',
            constraint=models.UniqueConstraint(condition=models.Q(('undone_at', None)), fields=('result', 'compartment'), name='one_standing_flag_per_compartment'),
        ),
    ]
