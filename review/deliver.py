"""Sending a published result on to a DICOM modality of the rule that wanted it."""

from __future__ import annotations

from orthanc.errors import HopelessError, OrthancUnavailableError
from review.models import Delivery
from review.pacs import connect


def send_result(delivery: Delivery) -> None:
    """C-STORE SEG and SR through Orthanc and note how it went. Sent twice, the same objects arrive twice."""
    result = delivery.result
    with connect() as pacs:
        try:
            found = [pacs.find_instance(uid) for uid in (result.seg_sop_uid, result.sr_sop_uid)]
            instances = [orthanc_id for orthanc_id in found if orthanc_id]
            if len(instances) < len(found):
                delivery.stumble("The result is no longer in Orthanc.", hopeless=True)
                return
            if delivery.modality not in pacs.modalities():
                delivery.stumble(f"Orthanc knows no modality called {delivery.modality}.", hopeless=True)
                return
            pacs.send_to_modality(delivery.modality, instances)
        except OrthancUnavailableError as error:
            delivery.stumble(str(error))
        except HopelessError as error:
            delivery.stumble(str(error), hopeless=True)
        else:
            delivery.succeed()
