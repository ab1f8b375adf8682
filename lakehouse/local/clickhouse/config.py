"""The engine's configuration: one in-process user whose two roles are the owner's and the analyst's rights.

Passwords are checked by the HTTP layer and never reach these files; the roles are enforced by the engine itself.
"""

from pathlib import Path

from lakehouse.local.clickhouse.policy import SYSTEM_TABLES

OWNER_ROLE = "tidemark_owner"
ANALYST_ROLE = "tidemark_analyst"

_CONFIG = """<clickhouse>
  <users_config>{users}</users_config>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <mark_cache_size>268435456</mark_cache_size>
  <max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>
</clickhouse>
"""

_USERS = """<clickhouse>
  <profiles>
    <default>
      <implicit_select>0</implicit_select>
      <allow_introspection_functions>0</allow_introspection_functions>
      <async_insert>0</async_insert>
      <session_timezone>UTC</session_timezone>
      <enable_http_compression>1</enable_http_compression>
    </default>
  </profiles>
  <roles>
    <{owner}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></{owner}>
    <{analyst}><grants>{grants}</grants></{analyst}>
  </roles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT {owner}, {analyst}</query></grants>
    </default>
  </users>
  <quotas><default></default></quotas>
</clickhouse>
"""


def write_config(directory: Path, database: str) -> Path:
    """Write the engine's files into `directory`, readable by this user only, and return the main one."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    users = directory / "users.xml"
    grants = [f"GRANT SELECT ON `{database}`.*"]
    grants += [f"GRANT SELECT ON system.{table}" for table in sorted(SYSTEM_TABLES)]
    grants += ["GRANT SELECT ON information_schema.*", "GRANT SELECT ON INFORMATION_SCHEMA.*"]
    queries = "".join(f"<query>{grant}</query>" for grant in grants)
    users.write_text(_USERS.format(owner=OWNER_ROLE, analyst=ANALYST_ROLE, grants=queries))
    users.chmod(0o600)
    main = directory / "config.xml"
    main.write_text(_CONFIG.format(users=users))
    main.chmod(0o600)
    return main
