"""The last stage: a label map and its volumes become DICOM objects in Orthanc and numbers in the database."""
