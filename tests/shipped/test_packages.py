"""What is in the sdist and the wheel, and what the image builds from."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tablestore_memory import __version__
from tests.shipped.conftest import ROOT

# Building takes its time.
pytestmark = pytest.mark.timeout(600)

CACHES = shutil.ignore_patterns("__pycache__")  # as .dockerignore does
FOLDERS = sorted(path.name for path in (ROOT / "tablestore_memory").iterdir() if path.is_symlink())


def contents(wheel: Path) -> dict[str, bytes]:
    """Every file but RECORD, which lists the others."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/RECORD")]
        return {name: archive.read(name) for name in names}


def built(source: Path, into: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", into, source],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = into.glob("*.whl")
    return wheel


def test_wheel_holds_every_file_of_ours_once(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, check=True, capture_output=True, text=True
    )
    ours = [f"tablestore_memory/{name}" for name in listed.stdout.split()]
    ours += ["tablestore_memory/__init__.py", "tablestore_memory/py.typed"]

    with zipfile.ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]

    assert sorted(packed) == sorted(ours)


def test_sdist_and_checkout_build_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """The one in dist/ was built from the sdist."""
    assert contents(built(ROOT, tmp_path)) == contents(wheel)


def test_sdist_holds_the_sources_once(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()

    tops = {member.name.split("/")[1] for member in members}
    assert "tablestore_memory" in tops
    assert tops.isdisjoint(FOLDERS)
    assert {"LICENSE", "CHANGELOG.md", "SECURITY.md", "docs", "deploy"} <= tops
    assert all(member.isfile() for member in members)


def test_links_of_the_package_page_lead_to_files_of_this_version(wheel: Path) -> None:
    (metadata,) = (text for name, text in contents(wheel).items() if name.endswith("/METADATA"))
    page = str(HeaderParser().parsestr(metadata.decode()).get_payload())

    links = re.findall(r"\]\(([^)]+)\)", page)
    ours = [link.partition(f"/blob/v{__version__}/")[2].partition("#")[0] for link in links]

    assert all(link.startswith("https://") for link in links)
    assert len([name for name in ours if name]) > 8
    assert all((ROOT / name).exists() for name in ours)


def test_image_copies_all_that_the_package_is_built_from(wheel: Path, tmp_path: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    source = tmp_path / "src"
    source.mkdir()
    for copied in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.MULTILINE):
        *names, target = copied.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, symlinks=True, ignore=CACHES)
            else:
                shutil.copy(ROOT / name, source / target)

    assert contents(built(source, tmp_path)) == contents(wheel)
