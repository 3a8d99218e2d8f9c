"""A real transformer with random weights, made on the spot and served by `transformers serve`.

Babble, but real babble: tokens of a real tokenizer, one at a time, from a server that nobody here wrote.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.conftest import an_endpoint
from tests.real.asking import Heard, an_ask, asked
from tests.real.servers import DEADLINE_S, answers, environment_program, running
from wrapdetect.model import Ask, Dialect, Endpoint, FailureKind

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("transformers_serve")]

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
TOKENS = 24
APIS: tuple[Dialect, ...] = ("openai_stream", "openai_plain", "responses_stream", "responses_plain")

MAKE = """
import sys
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

folder, seed = sys.argv[1], int(sys.argv[2])
words = Tokenizer(models.BPE(unk_token="<unk>"))
words.pre_tokenizer, words.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
text = ["The tides follow the moon and the sun.", "Why is the sky blue?", "A heron stands in the shallow water."] * 3
special = ["<unk>", "<s>", "</s>", "<pad>"]
words.train_from_iterator(text, trainers.BpeTrainer(vocab_size=150, special_tokens=special))
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
)
tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}assistant: "
tokenizer.save_pretrained(folder)
torch.manual_seed(seed)
config = LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=3, initializer_range=0.4,
)
model = LlamaForCausalLM(config)
model.generation_config.do_sample = True  # else a temperature that is asked for is passed over
model.save_pretrained(folder)
"""
"""Run by the environment's own Python. The weights are wide, so that what was asked decides what is said."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running server and the name of its model, the folder of its weights."""

    url: str
    model: str

    def by(self, dialect: Dialect, **more: object) -> Endpoint:
        return an_endpoint("bot", "target", **{"url": self.url, "model": self.model, "dialect": dialect, **more})


class Three(NamedTuple):
    """Two servings of one model, and one of another."""

    one: Served
    twin: Served
    other: Served


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    """Two servers of the same weights, and other weights; it loads whatever weights it is asked for."""
    python = environment_program("serving", "python")
    folder = tmp_path_factory.mktemp("transformers")
    one, other = (weights(python, folder, seed) for seed in (1, 2))
    with serving(python, folder / "first") as first, serving(python, folder / "second") as second:
        yield Three(
            one=Served(url=first, model=str(one)),
            twin=Served(url=second, model=str(one)),
            other=Served(url=second, model=str(other)),
        )


def weights(python: Path, folder: Path, seed: int) -> Path:
    place = folder / f"model{seed}"
    (folder / "make.py").write_text(MAKE)
    done = subprocess.run(
        [python, folder / "make.py", place, str(seed)],
        env={**OFFLINE, "PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return place


@contextmanager
def serving(python: Path, folder: Path) -> Iterator[str]:
    """Gives the address of its API."""
    (folder / "hub").mkdir(parents=True)  # /v1/models lists it, and fails where it is not there
    program = "from transformers.cli.transformers import main; main()"
    with running(
        lambda port: [python, "-c", program, "serve", "--host", "127.0.0.1", "--port", str(port)],
        ready=lambda port: answers(f"http://127.0.0.1:{port}/health"),
        folder=folder,
        env={**OFFLINE, "HF_HOME": str(folder)},
    ) as port:
        yield f"http://127.0.0.1:{port}/v1"


def babble(endpoint: Endpoint, *asks: Ask) -> list[Heard]:
    heard = asked(endpoint, *(asks or (an_ask(max_tokens=TOKENS),)))
    assert [h.reply.failure for h in heard if h.reply.failure] == []
    return heard


def text(endpoint: Endpoint, *asks: Ask) -> str:
    return babble(endpoint, *asks)[-1].reply.text


@pytest.mark.parametrize("dialect", APIS)
def test_each_of_its_apis_is_read(dialect: Dialect, three: Three) -> None:
    (heard,) = babble(three.one.by(dialect))
    assert heard.reply.text.strip()
    assert (heard.reply.model or "").removesuffix("@main") == three.one.model
    assert heard.reply.finish
    assert heard.exchange.status == 200


@pytest.mark.parametrize("dialect", ["openai_stream", "responses_stream"])
def test_a_stream_comes_in_pieces_and_says_what_the_plain_answer_says(dialect: Dialect, three: Three) -> None:
    (heard,) = babble(three.one.by(dialect))
    times = [p.t_s for p in heard.reply.pieces]
    assert len(times) > 2
    assert times == sorted(times)
    assert heard.reply.text.strip() == text(three.one.by("openai_plain")).strip()


def test_at_temperature_zero_the_same_weights_say_the_same_wherever_they_are_served(
    three: Three,
) -> None:
    asks = [an_ask(q, number=n, max_tokens=TOKENS) for n, q in enumerate(("The moon?", "A heron?", "Why blue?"))]
    first, twin, other = ([h.reply.text for h in babble(s.by("openai_plain"), *asks)] for s in three)
    assert first == twin
    assert len(set(first)) > 1, "it says the same to every question"
    assert first != other


def test_with_temperature_it_is_sampled(three: Three) -> None:
    asks = [an_ask(number=n, temperature=1.5, max_tokens=TOKENS) for n in range(4)]
    assert len({h.reply.text for h in babble(three.one.by("openai_plain"), *asks)}) > 1


def test_with_the_same_seed_the_same_weights_are_sampled_alike(three: Three) -> None:
    """A field that no pack asks for, so it is sent here by hand."""
    first, twin, other = (sampled(s, seed=7) for s in three)
    assert first == twin != other
    assert len({sampled(three.one, seed=k) for k in range(4)}) > 1


def sampled(served: Served, seed: int) -> str:
    question = [{"role": "user", "content": "The moon?"}]
    body = {"model": served.model, "messages": question, "temperature": 1.5, "max_tokens": TOKENS, "seed": seed}
    response = httpx.post(f"{served.url}/chat/completions", json=body, trust_env=False, timeout=120)
    return str(response.json()["choices"][0]["message"]["content"])


def test_the_history_of_a_conversation_is_read(three: Three) -> None:
    endpoint = three.one.by("openai_stream")
    asks = an_ask("A heron?", "The moon?", number=1, max_tokens=TOKENS), an_ask("The moon?", max_tokens=TOKENS)
    _, second, alone = babble(endpoint, *asks)
    assert second.exchange.turn == 1
    assert second.reply.text != alone.reply.text


def test_a_limit_on_tokens_is_kept_and_named(three: Three) -> None:
    (heard,) = babble(three.one.by("openai_plain"), an_ask(max_tokens=4))
    assert heard.reply.finish == "length"


def test_a_model_that_it_cannot_load_is_a_failure_of_the_server(three: Three) -> None:
    (heard,) = asked(three.one.by("openai_stream", model="no-such-model"))
    assert heard.reply.failure is not None
    assert heard.reply.failure.kind is FailureKind.SERVER
    assert "HTTP 500" in heard.reply.failure.detail
