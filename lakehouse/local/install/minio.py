"""MinIO, compiled once from its Go module: its upstream ships no server binary any more."""

from pathlib import Path

from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import go, program, run
from lakehouse.settings import cache_dir, load

# The newest state of the module; there are no semver tags, so the pseudo-version is the pin.
MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
ENGINE = "minio"
VERSION = "20260212"


def binary(cache: Cache) -> Path:
    """Where the server lies once built."""
    return cache.path(ENGINE, VERSION) / "bin" / "minio"


def fetch(cache: Cache, log: Path) -> Path:
    """The server's binary, compiled first where it is missing (minutes, at low priority). Raises ToolFailedError."""

    def build(draft: Path, _final: Path) -> None:
        compiler = go()
        nice = program("nice", "install coreutils")
        environment = {"GOBIN": str(draft / "bin"), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        install = (str(compiler.path), "install", "-trimpath", "-ldflags", "-s -w", MODULE)
        run((nice, "-n", "10", *install), log=log, env=environment)

    cache.install(ENGINE, VERSION, build)
    return binary(cache)


def main() -> None:
    """Compile into the user's cache. `deploy/install` starts it in the background, as it takes the longest of all."""
    cache = Cache(cache_dir(load().stack))
    cache.root.mkdir(parents=True, exist_ok=True)
    fetch(cache, cache.root / f"{ENGINE}.log")


if __name__ == "__main__":
    main()
