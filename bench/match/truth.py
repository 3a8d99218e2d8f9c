"""Who is related to whom, by name: the truth that the benchmarks of this folder are judged against.

`lineages` are the makers' lines and the models that others were trained from: two models that share one are related,
and neither can be a stranger to the other. `line` is the generation within it: right family means the same lineage.
Written down from names and from what the makers say of their models (Gemma is made beside Gemini, Phi-4-reasoning was
taught by o3-mini, the later Nemotrons by Qwen and DeepSeek). Names were sorted after first scores had been seen; no
entry was made because of a score alone, save two that the sources themselves show: the aligners, and the gamed entries.
"""

import re
from functools import cache

LINEAGES = {
    "gpt": r"gpt-?[345]|gpt35|gpt_?4|davinci|^o[134](-|$)|horizon-|optimus|quasar|gpt-oss|openai/"
    r"|phi4-(mini-)?reasoning",
    "claude": r"claude",
    "google": r"gemini|gemma|slimmoa",
    "grok": r"grok|sonoma",
    "deepseek": r"deepseek|mai-ds|nemotron-(nano|super|ultra|3)",
    "qwen": r"qwen|qwq|marco-o1|cogito|nemotron-(nano|super|3)",
    "llama3": r"llama-?3|llama-?4|llama3|llama38b|nemotron|hermes-4|athene"
    r"|nova-70b|rebel|ghost-8b|distill-llama|simpo$",
    "llama2": r"llama-?2|llama2|llama-(30|33|65)b|alpaca|vicuna|wizardlm(?!-?2)"
    r"|tulu|airoboros|guanaco|baize|xwin|ultralm"
    r"|platolm|humpback|minotaur|cut-13b|openchat-v|openchat8192|openbuddy-llama|oasst-.*llama|minichat|ein-70b",
    "mistral": r"mistral|mixtral|ministral|codestral|pixtral|magistral|devstral|zephyr|starling"
    r"|snorkel|openhermes|storm-7b"
    r"|conifer|merlinite|wizardlm-?2|openchat-3\.6|openchatopenchat|samba|lmcocktail|ghost-7b|contextual|fsfair",
    "phi": r"phi-?[234]",
    "granite": r"granite|merlinite",
    "falcon": r"falcon",
    "exaone": r"exaone",
    "jamba": r"jamba",
    "liquid": r"liquid|lfm",
    "glm": r"glm|z-ai|thudm",
    "kimi": r"kimi|moonshot",
    "minimax": r"minimax",
    "ernie": r"ernie",
    "yi": r"\byi-|-yi-",
    "cohere": r"command-?r|aya",
    "reka": r"reka",
    "olmo": r"olmo",
    "smollm": r"smollm",
    "nanbeige": r"nanbeige",
    "openbuddy": r"openbuddy",
    "oasst": r"oasst",
    "internlm": r"internlm",
    "fusechat": r"fusechat",
    "infinity": r"infinity-instruct",
    "evo": r"^evo-",
    "aligner": r"aligner-2b|gpt4_1106_preview",  # the source repeats that system's answers in both aligners
    "moa": r"moa|^toa$|blendaxai|nova-70b",  # mixtures of others' answers: kin of nobody and of everybody
    "sonar": r"sonar",
    "gamed": r"nullmodel|gpt4_gamed",
}
LINES = (
    r"gpt-?4\.1|optimus|quasar", r"gpt-?5|horizon-", r"gpt-?4\.5", r"gpt-4o", r"gpt-?4-(?:turbo|0125)|gpt4_1106",
    r"gpt-?_?4_?-?0613|gpt4_gamed", r"gpt-?3\.?5", r"gpt-oss", r"^o1", r"^o[34]|openai/o3", r"davinci",
    r"claude-?[12](?!\d)|^claude$|bedrock_claude", r"claude-3-(?:opus|sonnet|haiku)|claude-3-sonnet", r"claude-3-5",
    r"claude-3-7", r"claude-(?:opus|sonnet|haiku)-4-5", r"claude-.*4", r"gemini-1\.5|gemini-exp-11",
    r"gemini-2\.0|gemini-exp-12", r"gemini-2\.5", r"gemma-?3", r"gemma-?2|codegemma", r"gemma-7b",
    r"grok-4|sonoma", r"grok-3",
    r"grok-2|grok-beta|grok-vision", r"grok-code", r"r1-distill", r"deepseek-r1|reasoner|r1-lite|r1-671b|mai-ds",
    r"deepseek.*v3|deepseek-chat", r"deepseek.*v2|deepseek-coder", r"qwq",
    r"qwen-?3|qwen3|qwen-(?:plus|turbo)-(?:2025-)?04",
    r"qwen-?2\.5|qwen-(?:max|plus|turbo)", r"qwen-?2|qwen2[0-7]", r"qwen1\.5|qwen72b", r"nemotron", r"llama-?4",
    r"llama-?3\.[23]", r"llama-?3\.?_?1", r"llama-?3|llama38b", r"alpaca", r"vicuna", r"wizardlm", r"tulu", r"llama-?2",
    r"zephyr", r"starling", r"codestral", r"magistral", r"mistral-small", r"mistral-large|pixtral-large",
    r"mistral-medium|devstral", r"ministral", r"nemo|pixtral", r"mixtral", r"phi-?4", r"granite-?4|ibmgranite4",
    r"granite3",
    r"glm-4\.[56]", r"glm", r"samba", r"evo-",
)  # fmt: skip
SAME = (
    # One model under several names: its host, its precision, a tool beside it, a snapshot said to be the same.
    (r"^qwen-max-2025-01-25$", r"^Qwen-2\.5-Max$"),
    (r"^qwen-plus-2025-01-25$", r"^Qwen-2\.5-Plus$"),
    (r"^qwen-turbo-0428$", r"^qwen-turbo-2025-04-28$"),
    (r"^gemini-2\.5-pro-(thinkhigh|thinklow|preview-06-05)$",),
    (r"^gemini-2\.0-flash-lite(-preview-02-05)?$",),
    (r"^gemini-2\.0-flash(-exp)?$",),
    (r"^gpt-4o-mini-2024-(07-18|11-05)$",),
    (r"^grok-3(-beta)?$", r"^Grok-3-beta"),
    (r"^grok-3-mini-(beta-)?(high)$",),
    (r"^grok-3-mini-(beta-)?(low)$",),
    (r"^Grok-4-fast$", r"^grok-4-fast-reasoning$", r"sonoma-sky"),
    (r"^grok-4-fast-non-reasoning$", r"sonoma-dusk"),
    (r"quasar", r"optimus", r"^(openai/)?gpt-4\.1-2025-04-14$"),
    (r"horizon-(alpha|beta)", r"^gpt-5-2025-08-07(-HIGH)?$"),
    (r"^o3-2025-04-16",),
    (r"^o3-pro-2025-06-10",),
    (r"^o4-mini-2025-04-16",),
    (r"^o3-mini-(2025-?01-?31)",),
    (r"^o1-(2024-12)",),
    (r"^o1-pro",),
    (r"^DeepSeek-R1", r"^deepseek-reasoner$", r"^deepseek-aiDeepSeek-R1$", r"SIGJNF"),
    (r"^deepseek-aiDeepSeek-V3\.1$", r"^DeepSeek-V3\.1"),
    (r"DeepSeek-R1-Lite|deepseek-r1-lite|Deepseek-R1-Lite",),
    (r"qwen2\.?5-?7b-instruct(-q6_K)?$|QwenQwen2\.5-7B|qwen2\.57b",),
    (r"qwen2\.5-?14b-instruct(-q6_K|-fp16)?$|qwen2\.514b",),
    (r"qwen2\.5-?32b-instruct|qwen2\.532b",),
    (r"qwen2\.5-?72b-instruct|QwenQwen2\.5-72B|qwen2\.572b",),
    (r"^Qwen-3-14B-nothink$", r"^QwenQwen3-14B$"),
    (r"^Qwen-3-235B", r"^QwenQwen3-235B"),
    (r"^Qwen-3-30B-A3B-nothink$", r"^QwenQwen3-30B-A3B$"),
    (r"^Qwen-3-32B", r"^QwenQwen3-32B"),
    (r"qwq32b|QwQ-32B-Preview",),
    (r"qwen-qwq-32b|QwenQwQ-32B$",),
    (r"gemma-?327b|gemma-3-27b",),
    (r"gemma-?2-?27b|gemma227b",),
    (r"gemma-?2-?9b-(it|instruct)(-q6_K)?$|gemma29b",),
    (r"[Nn]emotron-?70[bB]",),
    (r"mistral-?nemo",),
    (r"mistral-small-?2409|mistral-small22b",),
    (r"pixtral-12b|Pixtral-12B",),
    (r"codestral-2405|codestral22b",),
    (r"open-mixtral-8x22b|Mixtral-8x22B",),
    (r"open-mixtral-8x7b|Mixtral-8x7B",),
    (r"Llama-3-8B-Instruct$|llama38b",),
    (r"Llama-3\.2-1B|llama3\.21b",),
    (r"Llama-3\.2-3B|llama3\.23b",),
    (r"Llama-3\.1-405B",),
    (r"Llama-3\.1-70B-Instruct",),
    (r"qwen27b-instruct",),
    (r"claude-4-opus-2025|claude-4-opus-thinking",),
    (r"claude-4-sonnet",),
    (r"claude-opus-4-1",),
    (r"claude-sonnet-4-5",),
    (r"claude-3-7-sonnet",),
    (r"gemini-2\.5-flash-04-17",),
    (r"gemini-2\.5-flash-05-20",),
    (r"gemini-2\.5-flash-09",),
    (r"gemini-2\.5-flash-lite-09",),
    (r"gemini-2\.5-flash-lite-(no)?think",),
    (r"gemini-2\.5-flash-(no)?think",),
    (r"gpt-5-chat-latest",),
    (r"chatgpt-4o-latest",),
    (r"v3\.2-exp",),
    (r"WizardLM-2-7B|wizardlm27b",),
    (r"mistral7b-instruct-v0\.3|mistral7b-instruct-q3",),
    (r"phi4-reasoning$",),
    (r"^claude$", r"^bedrock_claude$"),
    (r"^claude-2$", r"^claude$"),
    (r"^claude-2\.1",),
    (r"^gpt4_0613",),
    (r"^alpaca-7b(_|$)",),
    (r"vicuna-13b-v1\.5",),
    (r"(pairrm-)?tulu-2-(dpo-)?70b$",),
    (r"(pairrm-)?tulu-2-(dpo-)?13b$",),
    (r"(pairrm-)?zephyr-7b-beta$",),
    (r"Samba-CoE-v0\.2",),
    (r"ultralm-13b",),
    (r"Mixtral-8x7B",),
    (r"gemma-2-27b",),
)  # fmt: skip


@cache
def lineages(name: str) -> frozenset[str]:
    """The lineages of a model; its own name where none is known (kin of nobody)."""
    found = frozenset(tag for tag, pattern in LINEAGES.items() if re.search(pattern, bare(name).lower()))
    return found or frozenset({bare(name)})


def related(a: str, b: str) -> bool:
    return bool(lineages(a) & lineages(b))


@cache
def line(name: str) -> str:
    """The generation: the first of LINES that fits, else the lineages."""
    low = bare(name).lower()
    return next((p for p in LINES if re.search(p, low)), "+".join(sorted(lineages(name))))


@cache
def models(name: str) -> frozenset[int]:
    """Places in SAME of the models that this name stands for."""
    return frozenset(i for i, group in enumerate(SAME) if any(re.search(p, bare(name)) for p in group))


def same_model(a: str, b: str) -> bool:
    """Whether both names stand for one model (behind whatever prompt, host, precision or draw)."""
    return bare(a) == bare(b) or bool(models(a) & models(b))


def bare(name: str) -> str:
    """Without the mark of a second draw and of a host ("@2", "@together")."""
    return name.partition("@")[0]
