"""One module a provider of prices."""
