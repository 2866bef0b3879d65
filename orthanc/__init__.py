"""The PACS side without Django: client, series headers and roles, readers and writers of DICOM objects."""
