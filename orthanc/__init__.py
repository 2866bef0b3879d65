"""The PACS room: reading studies from Orthanc, telling series apart, writing results as DICOM."""
