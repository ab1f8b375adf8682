"""Computing with the version in use; light enough for services."""
