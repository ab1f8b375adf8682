"""ClickHouse's HTTP interface over an engine in process (ADR 0005): `python -m lakehouse.local.clickhouse`."""
