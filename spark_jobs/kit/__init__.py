"""What every batch job shares: arguments, run manifests, locks, staging, audit and publishing."""
