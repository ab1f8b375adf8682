"""Published risk, from the ClickHouse copy of gold."""
