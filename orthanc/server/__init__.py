"""Configures and starts an Orthanc of our own."""
