"""Images kept decoded are those decoded anew, and nothing that befalls the cache is an error."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import steadygan
from pictures import picture
from steadygan.data import DataOptions, Dataset, decoding, image_cache, load
from steadygan.data.decoding import Decoding
from steadygan.data.mapped import MappedSamples


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test, for small folders too."""
    monkeypatch.setattr(image_cache, "_LEAST_FILES", 1)
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folder of each decoding, one after the other."""
    folders: list[Path] = []

    def counted(root: Path, *more: Any) -> Decoding:
        folders.append(root)
        return Decoding(root, *more)

    monkeypatch.setattr(image_cache, "Decoding", counted)
    return folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(5):
            path = tmp_path / "images" / name / f"{index}.png"
            picture(seed=index).save(path, compress_level=0)
    (tmp_path / "images" / "cat" / "broken.png").write_text("this is no picture")
    return tmp_path / "images"


def kept(cache: Path) -> Path:
    """The one file of pixels, beside which lies nothing but the lock."""
    (file,) = cache.glob("decoded/*/*.pixels")
    assert {path.name for path in file.parent.iterdir()} == {file.name, "lock"}
    return file


def uncached(folder: Path, options: DataOptions | None = None) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEADYGAN_CACHE", "off")
        return load(folder, options)


def assert_same(first: Dataset, second: Dataset) -> None:
    assert first.fingerprint == second.fingerprint
    assert torch.equal(first.train.x, second.train.x)
    assert torch.equal(first.validation.x, second.validation.x)
    assert first.class_names == second.class_names
    assert first.codec == second.codec
    assert first.notes == second.notes


def test_a_folder_is_decoded_once(folder: Path, cache: Path, decoded: list[Path]) -> None:
    first = load(folder)
    second = load(folder)
    assert decoded == [folder]
    assert isinstance(second.train, MappedSamples)
    assert any("broken.png (not an image)" in note for note in second.notes)
    assert_same(first, second)
    assert_same(second, uncached(folder))
    assert kept(cache).stat().st_size > 10 * 3 * 20 * 20


def test_every_kind_of_image_comes_back(mixed: Path, decoded: list[Path]) -> None:
    load(mixed)
    assert_same(load(mixed), uncached(mixed))
    assert len(decoded) == 2


def test_splits_in_folders_come_back(folder: Path, decoded: list[Path]) -> None:
    root = folder.parent / "split"
    shutil.copytree(folder, root / "train")
    shutil.copytree(folder, root / "test")
    load(root)
    assert_same(load(root), uncached(root))
    assert len(decoded) == 2


def test_a_small_folder_is_not_kept(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_cache, "_LEAST_FILES", 12)
    load(folder)
    assert not cache.exists()


def test_off_keeps_nothing(
    folder: Path, decoded: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    monkeypatch.setenv("STEADYGAN_CACHE", "off")
    assert not isinstance(load(folder).train, MappedSamples)
    load(folder)
    assert len(decoded) == 2
    assert set(tmp_path.iterdir()) == before


def _flip(position: int) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[position] ^= 1
        return bytes(changed)

    return damage


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first pixel": _flip(0),
    "JSON": _flip(-20),
    "length of the JSON": _flip(-12),
    "checksum": _flip(-1),
    "cut short": lambda content: content[: len(content) // 2],
    "next to empty": lambda content: content[-5:],
    "empty": lambda _: b"",
    "longer": lambda content: content + b"\0",
    "zeros": lambda content: bytes(len(content)),
    "other text": lambda _: b"this is no picture",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_again(
    folder: Path, cache: Path, decoded: list[Path], damage: str
) -> None:
    load(folder)  # mapped by nobody when it is damaged
    whole = kept(cache).read_bytes()
    kept(cache).write_bytes(DAMAGES[damage](whole))
    assert_same(load(folder), uncached(folder))
    assert kept(cache).read_bytes() == whole
    load(folder)
    assert len(decoded) == 3  # one of them without the cache


def _same_size_and_time(folder: Path) -> None:
    path = folder / "cat" / "0.png"
    before = path.stat()
    shutil.copyfile(folder / "cat" / "1.png", path)  # uncompressed: of the same length
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda folder: picture(seed=99).save(folder / "cat" / "0.png"),
    "changed, of the same size and time": _same_size_and_time,
    "added": lambda folder: picture(seed=99).save(folder / "dog" / "9.png"),
    "removed": lambda folder: (folder / "dog" / "0.png").unlink(),
    "renamed": lambda folder: (folder / "dog" / "0.png").rename(folder / "dog" / "9.png"),
    "mended": lambda folder: picture(seed=99).save(folder / "cat" / "broken.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_folder_is_decoded_again_and_replaces_what_was_kept(
    folder: Path, cache: Path, decoded: list[Path], change: str
) -> None:
    before = load(folder)
    CHANGES[change](folder)
    after = load(folder)
    assert len(decoded) == 2
    assert after.fingerprint != before.fingerprint
    assert_same(after, uncached(folder))
    kept(cache)


def test_what_is_mapped_outlives_its_file(folder: Path, cache: Path) -> None:
    first = load(folder)
    before = first.train.x
    picture(seed=99).save(folder / "cat" / "0.png")
    load(folder)
    shutil.rmtree(cache)
    assert torch.equal(first.train.x, before)


def test_other_options_have_a_file_of_their_own(
    folder: Path, cache: Path, decoded: list[Path]
) -> None:
    several = [None, DataOptions(size=16), DataOptions(channels=1)]
    for options in several:
        load(folder, options)
    for options in several:
        assert_same(load(folder, options), uncached(folder, options))
    assert len(decoded) == 6  # once into the cache, once without it
    assert len(list(cache.glob("decoded/*/*.pixels"))) == 3
    load(folder, DataOptions(limit=3, validation=0.5))
    assert len(decoded) == 6


def test_a_file_that_the_system_refused_is_tried_again(
    folder: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = decoding._opened

    def refusing(path: Path) -> Any:
        if path.name == "3.png":
            raise OSError(errno.EIO, "Input/output error")
        return opened(path)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_opened", refusing)
        assert any("8 images" in note for note in load(folder).notes)
    assert_same(load(folder), uncached(folder))
    load(folder)
    assert len(decoded) == 3


def test_where_nothing_can_be_kept_images_are_decoded_with_a_note(
    folder: Path, cache: Path
) -> None:
    cache.write_text("a file where the folder should be")
    dataset = load(folder)
    assert dataset.notes[-1] == f"decoded images are not kept in {cache}: Not a directory"
    assert dataset.fingerprint == uncached(folder).fingerprint


def test_a_read_only_cache_is_read(
    folder: Path, cache: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(folder)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)  # the superuser may write anywhere
    assert_same(load(folder), first)
    assert len(decoded) == 1
    dataset = load(folder, DataOptions(size=16))
    assert "Permission denied" in dataset.notes[-1]
    assert dataset.fingerprint == uncached(folder, DataOptions(size=16)).fingerprint


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_full_disk_leaves_nothing_behind(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    usage = namedtuple("usage", "free")

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "before":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free=1000))
    else:
        monkeypatch.setattr(os, "fsync", full)
    dataset = load(folder)
    expected = "0 MB are free" if when == "before" else "No space left on device"
    assert expected in dataset.notes[-1]
    assert dataset.fingerprint == uncached(folder).fingerprint
    assert [path.name for path in cache.glob("decoded/*/*")] == ["lock"]


def test_what_a_killed_process_left_is_removed(folder: Path, cache: Path) -> None:
    load(folder)
    file = kept(cache)
    file.with_suffix(".12345.tmp").write_bytes(file.read_bytes()[:100])
    file.unlink()
    load(folder)
    assert kept(cache) == file


# Two of these meet before they load, and decode for longer than it takes to meet.
LOADING = """
import sys, time
from pathlib import Path
from steadygan.data import image_cache, load
image_cache._LEAST_FILES = 1
decodings = 0
class Slow(image_cache.Decoding):
    def __init__(self, *arguments):
        global decodings
        decodings += 1
        time.sleep(1)
        super().__init__(*arguments)
image_cache.Decoding = Slow
here, other = Path(sys.argv[2]), Path(sys.argv[3])
here.touch()
while not other.exists():
    time.sleep(0.01)
print(decodings, load(sys.argv[1]).fingerprint, decodings)
"""


def test_of_two_processes_one_decodes(folder: Path, cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    marks = [str(tmp_path / "one"), str(tmp_path / "two")]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOADING, str(folder), *order], stdout=subprocess.PIPE, text=True
        )
        for order in (marks, marks[::-1])
    ]
    printed = [process.communicate(timeout=120)[0].split() for process in processes]
    assert {fingerprint for _, fingerprint, _ in printed} == {uncached(folder).fingerprint}
    assert sorted(count for _, _, count in printed) == ["0", "1"]
    kept(cache)


def test_without_locks_each_decodes_the_same(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    first = load(folder)
    assert isinstance(first.train, MappedSamples)
    assert_same(first, uncached(folder))
    kept(cache)


def test_a_run_is_resumed_without_its_cache_and_ends_alike(
    folder: Path, cache: Path, tmp_path: Path, decoded: list[Path]
) -> None:
    settings = ["architecture=MLP(hidden=(16,))", "training.batch_size=4"]

    def train(out: Path, steps: int) -> None:
        steadygan.train(str(folder), "wgan-gp", out=out, overrides=settings, steps=steps)

    train(tmp_path / "whole", 6)
    train(tmp_path / "stopped", 3)
    assert len(decoded) == 1
    shutil.rmtree(cache)
    steadygan.resume(tmp_path / "stopped", steps=6)
    assert len(decoded) == 2
    whole, stopped = (
        (tmp_path / name / "generator.safetensors").read_bytes() for name in ("whole", "stopped")
    )
    assert whole == stopped
