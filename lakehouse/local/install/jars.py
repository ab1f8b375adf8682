"""Jars of Kafka and of Spark's lake side: pinned by coordinate and sha256, fetched by the Ivy inside pyspark."""

import hashlib
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from lakehouse.errors import TidemarkError
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import Tool, ToolMissingError, run

LOCKS = Path(__file__).resolve().parent
CHUNK = 1 << 20
# Maven Central is Ivy's own default, so no address stands here; `usepoms` is off because the lock is the whole closure.
IVY_SETTINGS = """<ivysettings><settings defaultResolver="central"/><resolvers>
<ibiblio name="central" m2compatible="true" usepoms="false"/></resolvers></ivysettings>
"""
PATTERN = "[organisation]__[artifact]-[revision].[ext]"


class JarError(TidemarkError):
    """A jar is missing, or is not the one that was locked."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.group}__{self.artifact}-{self.version}.jar"


def lock_path(name: str) -> Path:
    """The lock file of the jar set `name`: `kafka` or `lake`."""
    return LOCKS / f"{name}.jars.lock"


def read_lock(path: Path) -> tuple[Jar, ...]:
    """Lines of `group:artifact:version sha256`. Raises JarError for a line of another form."""
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            coordinate, digest = line.split()
            group, artifact, version = coordinate.split(":")
        except ValueError:
            raise JarError(f"{path.name}:{number} is not 'group:artifact:version sha256': {line!r}") from None
        jars.append(Jar(group, artifact, version, digest))
    return tuple(jars)


def lock_digest(path: Path) -> str:
    """Names the version of a jar set in the cache."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def folder(cache: Cache, name: str) -> Path:
    """Where the jar set `name` lies once fetched."""
    return cache.path(f"jars-{name}", lock_digest(lock_path(name)))


def fetch(cache: Cache, name: str, java: Tool, log: Path) -> Path:
    """The folder of the jar set, fetched and verified first where it is missing. Raises JarError, ToolFailedError."""
    jars = read_lock(lock_path(name))

    def build(draft: Path, _final: Path) -> None:
        work = draft / ".ivy"
        work.mkdir()
        (work / "ivy.xml").write_text(_module(name, jars), encoding="utf-8")
        (work / "settings.xml").write_text(IVY_SETTINGS, encoding="utf-8")
        run(_ivy(java, work, draft), log=log)
        verify(draft, jars)
        shutil.rmtree(work)

    return cache.install(f"jars-{name}", lock_digest(lock_path(name)), build)


def verify(where: Path, jars: tuple[Jar, ...]) -> None:
    """Raise JarError that names each jar which is missing or differs from its locked sha256."""
    wrong = [problem for jar in jars if (problem := _problem(where / jar.file_name, jar))]
    if wrong:
        raise JarError(
            f"{len(wrong)} of {len(jars)} jars in {where} are wrong: {'; '.join(wrong)}. Remove it and fetch again"
        )


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def pyspark_jars() -> Path:
    """The jars folder of the installed pyspark. Raises ToolMissingError."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ToolMissingError("pyspark is not installed: run `make install`")
    return Path(spec.origin).parent / "jars"


def ivy_jar() -> Path:
    """The Ivy that ships inside pyspark. Raises ToolMissingError."""
    found = sorted(pyspark_jars().glob("ivy-*.jar"))
    if not found:
        raise ToolMissingError(f"no ivy-*.jar in {pyspark_jars()}: reinstall pyspark")
    return found[-1]


def _problem(path: Path, jar: Jar) -> str | None:
    if not path.exists():
        return f"{jar.coordinate} is missing"
    if sha256_of(path) != jar.sha256:
        return f"{jar.coordinate} has another sha256"
    return None


def _ivy(java: Tool, work: Path, target: Path) -> tuple[str, ...]:
    return (
        *(str(java.path), "-XX:TieredStopAtLevel=1", "-cp", str(ivy_jar()), "org.apache.ivy.Main"),
        *("-settings", str(work / "settings.xml"), "-ivy", str(work / "ivy.xml"), "-cache", str(work / "cache")),
        *("-confs", "default", "-types", "jar", "-retrieve", str(target / PATTERN)),
    )


def _module(name: str, jars: tuple[Jar, ...]) -> str:
    dependencies = "\n".join(
        f"<dependency org={quoteattr(jar.group)} name={quoteattr(jar.artifact)} rev={quoteattr(jar.version)}"
        ' transitive="false" conf="default->*"/>'
        for jar in jars
    )
    return (
        f'<ivy-module version="2.0"><info organisation="tidemark" module={quoteattr(name)} revision="1"/>'
        f'<configurations><conf name="default"/></configurations>\n'
        f"<dependencies>\n{dependencies}\n</dependencies></ivy-module>\n"
    )
