"""The image: multi-stage, pinned, checked by hash, not root."""

import re

from lakehouse.settings import project_root

ROOT = project_root()
TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
INSTRUCTIONS = [
    line.split(None, 1)
    for line in TEXT.replace("\\\n", " ").splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
STAGES = re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, flags=re.MULTILINE)


def _stage(name: str) -> list[list[str]]:
    starts = [index for index, (word, *_) in enumerate(INSTRUCTIONS) if word == "FROM"]
    names = [stage for _, stage in STAGES]
    begin = starts[names.index(name)]
    end = next((start for start in starts if start > begin), len(INSTRUCTIONS))
    return INSTRUCTIONS[begin:end]


def test_the_stages_that_compose_builds_exist() -> None:
    assert [name for _, name in STAGES] == ["s3-build", "s3", "build", "platform"]


def test_every_base_image_is_pinned() -> None:
    argument = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", TEXT, flags=re.MULTILINE)
    assert argument is not None
    images = [argument.group(1) if image == "${PYTHON_IMAGE}" else image for image, _ in STAGES]
    assert all(re.search(r":\d[\w.-]*$", image) for image in images)


def test_what_runs_is_not_root_and_carries_no_compiler() -> None:
    for name in ("s3", "platform"):
        stage = _stage(name)
        users = [rest[0] for word, *rest in stage if word == "USER"]
        assert users
        assert users[-1] not in {"root", "0"}
        installed = " ".join(rest[0] for word, *rest in stage if word == "RUN")
        assert not re.search(r"\b(gcc|build-essential|golang|openjdk-\d+-jdk)\b", installed)


def test_packages_are_checked_by_hash() -> None:
    installs = [rest[0] for word, *rest in _stage("build") if word == "RUN" and "requirements.lock" in rest[0]]
    assert installs
    assert all("--require-hashes" in install for install in installs)


def test_what_is_copied_exists() -> None:
    sources = [
        part
        for word, *rest in INSTRUCTIONS
        if word == "COPY" and "--from" not in rest[0]
        for part in rest[0].split()[:-1]
    ]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_s3_server_is_the_release_of_the_embedded_stack() -> None:
    version = re.search(r"MINIO_VERSION=(\S+)", TEXT)
    assert version is not None
    assert version.group(1) in (ROOT / "lakehouse" / "local" / "install" / "minio.py").read_text()


def test_secrets_and_history_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".tidemark", ".venv", ".env"} <= set(ignored)
