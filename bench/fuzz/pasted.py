"""Does whatever is pasted become a template that is what it says, with every secret lifted out, or one refusal?"""

from random import Random

from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import mutated_text
from bench.fuzz.templates import check_toml
from wrapdetect.dialects.template.filling import wanted
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint
from wrapdetect.model.text import whole
from wrapdetect.targets.curl import ImportedRequest, from_text

SECRET = "sk-planted-0123456789abcdef"
QUESTION = "What moves the tides?"
URL = "https://bot.example"
BODY = f'{{"q":"{QUESTION}","id":"c-1","opts":{{"temperature":0.5}}}}'
MESSAGES = f'{{"messages":[{{"role":"user","content":"{QUESTION}"}}],"k":"{SECRET}"}}'
JSON = "content-type: application/json"
PASTED = (
    f"curl '{URL}/api/chat?session=1' -H '{JSON}' -H 'authorization: Bearer {SECRET}' --data-raw '{BODY}' --compressed",
    f'curl "{URL}/ask" ^\r\n  -H "x-api-key: {SECRET}" ^\r\n  --data-raw ^"^{{^\\^"q^\\^":^\\^"{QUESTION}^\\^"^}}^"',
    f"curl '{URL}/f' -X POST --data-urlencode 'q={QUESTION}' -d 'token={SECRET}' -b 'sid={SECRET}; a=b'",
    f"curl -F 'q={QUESTION}' -F 'file=@a.txt' -F key={SECRET} https://user:{SECRET}@bot.example:8443/up?x=1#frag",
    f'curl $\'{URL}/\\u0061sk\' --json $\'{{"q":"{QUESTION}\\\\n\\u00e9"}}\' -H "X-Key: $BOT_KEY" -sS -k -L',
    f"curl -G {URL}/s --data-urlencode q='{QUESTION}' --url-query 'a=b' -A ua -e ref -u me:{SECRET}",
    f"curl {URL}/v1 -d @- <<'EOF'\n{MESSAGES}\nEOF\n",
    f"POST /api/chat HTTP/1.1\r\nHost: bot.example\r\nCookie: session={SECRET}\r\n{JSON}\r\n\r\n{BODY}",
    f"GET /ws?token={SECRET} HTTP/1.1\nHost: bot.example\nUpgrade: websocket\n\n{QUESTION}",
    "POST /m HTTP/2\nhost: bot.example\ncontent-type: multipart/form-data; boundary=x\n\n--x\n"
    f'Content-Disposition: form-data; name="q"\n\n{QUESTION}\n--x--\n',
    f'curl \'{URL}/a\' --data-raw \'{{"q":"{{prompt}}","h":{{messages}}}}\'',
    f"fetch('{URL}/a', {{body: 'x'}})",
    f"PS C:\\Users\\me> curl.exe `\n -H 'a: b' `\n {URL}/",
)


def draw_pasted(chance: Random) -> Trial:
    """A copied request, as it is or changed, with the question pointed out or not."""
    text = chance.choice(PASTED)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        text = mutated_text(text, chance)
    if chance.randrange(10) == 0:
        text += " " + chance.choice(PASTED)
    text = whole(text)  # the command reads UTF-8
    prompt, said = chance.choice((None, QUESTION, "tides", "")), chance.choice((None, "c-1", ""))
    return Trial(shown=(text, prompt, said), size=len(text), run=lambda: _check(text, prompt, said))


def _check(text: str, prompt: str | None, said: str | None) -> None:
    found = from_text(text, prompt=prompt, conversation_id=said)
    sent = "".join(found.template.sent_texts)
    for name, value in found.secrets.items():
        if len(value) >= 8 and value in sent:
            raise Wrong(f"the secret in {name} stands in the template too")
    if unstated := set(wanted(found.template)) - set(found.template.variables or ()):
        raise Wrong(f"variables that nobody stated: {unstated}")
    if unmeant := set(found.template.variables or ()) - set(found.secrets) - variables_in(text):
        raise Wrong(f"variables that stand neither for a secret nor in the shell's words: {unmeant}")
    for note in found.notes:
        note.encode()
    _check_target(found)


def variables_in(text: str) -> set[str]:
    """Names that might be a shell's variables, or that the user marked."""
    names, name = set(), ""
    for char in text + " ":
        if char == "_" or (char.isascii() and char.isalnum()):
            name += char
        else:
            names.add(name)
            name = ""
    return names


def _check_target(found: ImportedRequest) -> None:
    """What is written for the user to use can be used, where the question has its place."""
    if found.prompt_found and not list(template_problems(found.template)):
        check_toml(
            Endpoint(name=TARGET, role="target", url=found.url, model="", dialect="template", template=found.template)
        )


CURL = Part(name="curl", draw=draw_pasted, own=(SpecError,))
