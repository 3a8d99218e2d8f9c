"""Embeddings: only the known weights, cached by content, the same bytes each time."""

import hashlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from wrapdetect.errors import EmbeddingError
from wrapdetect.store.embed import (
    EMBEDDING_DIMENSIONS,
    PACKAGE,
    SHA256,
    WEIGHTS,
    Embedder,
    cache_file,
    check_weights,
    installed,
    weights_file,
)

needs_weights = pytest.mark.skipif(not installed(), reason="the [embed] extra is not installed")
TEXTS = ("The moon pulls the sea.", "你好，世界", "", "The moon pulls the sea. " * 300)


def fake_package(folder: Path, files: dict[str, bytes]) -> Path:
    package = folder / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, content in files.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_bytes(content)
    return package


def test_other_weights_are_refused_by_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = fake_package(tmp_path, {f"model/{WEIGHTS}": b"other weights"})
    monkeypatch.syspath_prepend(tmp_path)
    assert weights_file() == package / "model" / WEIGHTS
    digest = hashlib.sha256(b"other weights").hexdigest()
    with pytest.raises(EmbeddingError, match=f"SHA-256 {digest}, expected {SHA256}"):
        Embedder(tmp_path / "cache.sqlite")
    assert not (tmp_path / "cache.sqlite").exists()


def test_a_package_without_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, {"model/config.json": b"{}"})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EmbeddingError, match=f"holds no {WEIGHTS}"):
        check_weights()


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "wrapdetect" / "embeddings.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_file() == tmp_path / "home" / ".cache" / "wrapdetect" / "embeddings.sqlite"


@needs_weights
def test_the_installed_weights_are_the_known_ones() -> None:
    assert (check_weights() / WEIGHTS).is_file()


@needs_weights
def test_a_text_in_the_cache_is_taken_from_there_by_its_content(tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "cache.sqlite"
    embed = Embedder(cache)
    assert embed([]).shape == (0, EMBEDDING_DIMENSIONS)  # makes the cache, loads no model
    planted = np.arange(EMBEDDING_DIMENSIONS, dtype=np.float32)
    with sqlite3.connect(cache) as store:
        key = hashlib.sha256(f"{SHA256}\nplanted text".encode()).hexdigest()
        store.execute("INSERT INTO vector VALUES (?, ?)", (key, planted.tobytes()))
    store.close()
    assert np.array_equal(embed(["planted text", "planted text"]), np.stack([planted, planted]))


@needs_weights
@pytest.mark.slow
def test_rows_have_unit_length_and_the_same_bytes_alone_in_company_cached_and_anew(tmp_path: Path) -> None:
    first = Embedder(tmp_path / "first.sqlite")
    together = first(TEXTS)
    assert together.shape == (len(TEXTS), EMBEDDING_DIMENSIONS)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert first(TEXTS).tobytes() == together.tobytes()
    anew = Embedder(tmp_path / "second.sqlite")
    alone = np.concatenate([anew([t]) for t in reversed(TEXTS)])[::-1]
    assert alone.tobytes() == together.tobytes()


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize("place", ["a file for a folder", "not a database"])
def test_a_cache_that_cannot_be_used_costs_time_only(place: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"this is no database, it only looks like a file" * 100)
    cache = tmp_path / "x" / "cache.sqlite" if place == "a file for a folder" else tmp_path / "x"
    near, far, other = Embedder(cache)(["a cat sat", "the cat is sitting", "interest rates rose"])
    assert near @ far > near @ other
