"""Running a program that refuses to be root, on data that only root can reach."""

import os
import pwd
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from lakehouse.errors import TidemarkError

TRY_TIMEOUT_S = 10
POSTGRES_STOP = "INT"  # "fast" shutdown: TERM would wait for every client to leave


class NoUnprivilegedUserError(TidemarkError):
    """Root cannot start PostgreSQL here: there is neither a user namespace nor a user to switch to."""


def unprivileged(folder: Path) -> tuple[str, ...]:
    """Words to put before a program that refuses root; none when we are not root. `folder` becomes its own.

    A checkout of root often lies below a 0700 folder (/root, mktemp -d), which another user cannot even traverse.
    So, first choice: a user namespace in which root goes by the number of an ordinary user. The program sees itself
    unprivileged, and still owns root's files. Where the kernel or a container forbids that: switch to the user
    `postgres`, with the one capability that reads and traverses everything (CAP_DAC_READ_SEARCH), and give it `folder`.
    Raises NoUnprivilegedUserError.
    """
    found = words()
    if found and not _namespace():
        user = _postgres()
        _give(folder, user.pw_uid, user.pw_gid)
    elif found:
        _give(folder, 0, 0)
    return found


def words() -> tuple[str, ...]:
    """The words alone, without giving a folder away. Raises NoUnprivilegedUserError."""
    if os.geteuid() != 0:
        return ()
    if namespace := _namespace():
        return namespace
    user = _postgres()
    # Without the secure bit, access(2), by which initdb looks for its siblings, would ignore the capability.
    capability = "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup"
    user_words = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    # Changing the user forgets the signal for the parent's death: ask for it again.
    return ("setpriv", *user_words, *capability, f"--pdeathsig={POSTGRES_STOP}")


@lru_cache(maxsize=1)
def _namespace() -> tuple[str, ...]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    user = _ordinary_user()
    words = (unshare, "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
    try:
        tried = subprocess.run((*words, "true"), capture_output=True, timeout=TRY_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return words if tried.returncode == 0 else ()


def _postgres() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise NoUnprivilegedUserError(
            "PostgreSQL refuses to run as root and user namespaces are off: run as another user, "
            "or `useradd --system postgres`"
        ) from None


def _ordinary_user() -> pwd.struct_passwd:
    """Any user but root that has a name: initdb looks its own up."""
    found = [user for user in pwd.getpwall() if user.pw_uid != 0]
    return next((user for user in found if user.pw_name == "nobody"), found[0])


def _give(folder: Path, uid: int, gid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
