"""A stack's context without any engine: for tests that look at specs and rendered configuration."""

import sys
from pathlib import Path

from lakehouse.local import envfile
from lakehouse.local.home import Home
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import Tool
from lakehouse.local.ports import port_names
from lakehouse.local.spec import StackContext
from lakehouse.settings import Settings, load, project_root


def stack_context(home: Home, cache: Path) -> StackContext:
    """The context of a home on ports from 20000 on; `$TIDEMARK_HOME` must point to that home."""
    ports = {name: 20_000 + number for number, name in enumerate(port_names())}
    env = envfile.build(Settings(), envfile.StackEnv({}), ports)
    home.create()
    envfile.write(home, env)
    java = Tool(Path("/usr/bin/java"), (17,))
    return StackContext(load(), home, Cache(cache), env, java, Path(sys.executable), project_root())
