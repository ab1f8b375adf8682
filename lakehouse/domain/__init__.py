"""The words of the business: identifiers and money. No engine, no framework, no settings."""
