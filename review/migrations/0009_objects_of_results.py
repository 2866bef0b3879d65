import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.34"


def one_row_per_object(apps, schema_editor):
    """SEG and SR of every result become rows, and a delivery of the result one of each of them."""
    objects = apps.get_model("review", "ResultObject").objects
    deliveries = apps.get_model("review", "Delivery").objects
    for result in apps.get_model("review", "Result").objects.order_by("pk"):
        old = list(deliveries.filter(result=result))
        made = [
            objects.create(
                result=result, kind="SEG", sop_class_uid=SEG_CLASS, made_at=result.created_at,
                series_uid=result.seg_series_uid, sop_uid=result.seg_sop_uid,
            ),
            objects.create(
                result=result, kind="SR", sop_class_uid=SR_CLASS, made_at=result.created_at,
                series_uid=result.sr_series_uid, sop_uid=result.sr_sop_uid,
            ),
        ]
        for delivery in old:
            for item in made:
                deliveries.create(
                    item=item, result=result, destination=delivery.destination, state=delivery.state,
                    tries=delivery.tries, send_at=delivery.send_at, sent_at=delivery.sent_at, error=delivery.error,
                )
            delivery.delete()


class Migration(migrations.Migration):

    dependencies = [
        ("review", "0008_series_seen"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResultObject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("SEG", "SEG"), ("SR", "SR"), ("SC_T1CE", "SC_T1CE"), ("SC_FLAIR", "SC_FLAIR"), ("UNCERTAINTY", "UNCERTAINTY"), ("KOS", "KOS"), ("PDF", "PDF")], max_length=12)),
                ("sop_class_uid", models.CharField(max_length=64)),
                ("series_uid", models.CharField(max_length=64)),
                ("sop_uid", models.CharField(help_text="Of the only instance, or of the first", max_length=64)),
                ("n_instances", models.PositiveIntegerField(default=1)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("result", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="dicom_objects", to="review.result")),
            ],
            options={"ordering": ["pk"]},
        ),
        migrations.AddConstraint(
            model_name="resultobject",
            constraint=models.UniqueConstraint(fields=("result", "sop_uid"), name="one_row_per_object_of_a_result"),
        ),
        migrations.RemoveConstraint(model_name="delivery", name="one_delivery_per_modality"),
        migrations.RenameField(model_name="delivery", old_name="modality", new_name="destination"),
        migrations.AlterField(model_name="delivery", name="destination", field=models.CharField(max_length=80)),
        migrations.AddField(
            model_name="delivery",
            name="refusals",
            field=models.PositiveIntegerField(default=0, help_text="Tries that the destination answered with no"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="item",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="review.resultobject"),
        ),
        migrations.RunPython(one_row_per_object, migrations.RunPython.noop),
        # PostgreSQL alters no table that has checks of the same transaction pending.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveField(model_name="delivery", name="result"),
        migrations.AlterField(
            model_name="delivery",
            name="item",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="review.resultobject"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("item", "destination"), name="one_delivery_per_destination"),
        ),
        migrations.AlterField(
            model_name="routingrule",
            name="destinations",
            field=models.JSONField(blank=True, default=list, help_text="What gets the results: a DICOM modality as Orthanc names it, or dicomweb: and a server's name; then the kinds of objects, if not the usual: [\"PACS\", \"dicomweb:VNA SEG SR\"]"),
        ),
    ]
