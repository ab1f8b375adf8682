"""What every DAG file is made of: assets from contracts, jobs as tasks, defaults."""
