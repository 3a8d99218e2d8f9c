"""A request as somebody copied it (a curl command, or raw HTTP) -> a Template. Secrets are lifted out of it.

Chrome's "Copy as cURL (bash)" and "(cmd)", Firefox's, and what API manuals print are read. Nothing is sent or run.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from wrapdetect.dialects.template.filling import kind_of_body, wanted
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.dialects.template.slots import ENV, TemplateSlot, env, names_of
from wrapdetect.errors import SpecError
from wrapdetect.model import Template
from wrapdetect.targets.curl.command import parse_curl
from wrapdetect.targets.curl.fields import MARKS, encoded_braces, map_body, map_query, written_by
from wrapdetect.targets.curl.lifting import Lifting, lifted_headers
from wrapdetect.targets.curl.marking import Draft, framing_of, mark, note_what_is_open
from wrapdetect.targets.curl.raw import parse_raw
from wrapdetect.targets.curl.request import PastedRequest
from wrapdetect.targets.curl.shell import shell_words, without_heredoc

LONGEST_HOST = 253
"""Characters of a host's name (RFC 1035)."""
MOST_PASTED = 2_000_000
"""Characters of a request."""
PROMPT_OF_A_SHELL = re.compile(
    r"(?:[^\S\n]*(?:#[^\n]*|```[^\n]*|~~~[^\n]*)?\n)*[^\S\n]*"  # empty lines, comments, the fence of Markdown
    r"(?:(?:PS )?[A-Za-z]:\\[^>\n]*>\s*|[^\n'\"]{0,100}?[$%#>❯➜]\s+)?(?:sudo\s+)?(?=\S*curl(?:\.exe)?[\s^])"
)
"""What stands before a command that was copied from a terminal or a manual."""
FENCE = re.compile(r"\n[^\S\n]*(?:```|~~~)\s*\Z")
NO_CURL = re.compile(
    r"(?:await\s+|return\s+|const\s+\w+\s*=\s*)*(?:fetch|axios)\b|\$?(?:session|headers|body|response)\s*=|"
    r"Invoke-(?:WebRequest|RestMethod)\b|(?:iwr|irm|wget|httpie?|https?|import|from|requests|xh)\s",
    re.IGNORECASE,
)
"""How requests begin that other programs make."""


class ImportedRequest(NamedTuple):
    """A template with the address it belongs to, the secrets by the variables that shall hold them, and what to know.

    `prompt_found` says whether the question was found in the request; without it the template asks nothing yet.
    """

    url: str
    template: Template
    secrets: Mapping[str, str]
    prompt_found: bool
    notes: tuple[str, ...]


def from_text(text: str, *, prompt: str | None = None, conversation_id: str | None = None) -> ImportedRequest:
    """A curl command or a raw request, whichever it is. Raises SpecError."""
    if len(text) > MOST_PASTED:
        raise SpecError(f"{len(text):,} characters were pasted; one request has {MOST_PASTED:,} at most")
    bare = FENCE.sub("\n", text.lstrip("\ufeff \t\r\n$>"))
    prompt_ = PROMPT_OF_A_SHELL.match(bare)
    start = bare[prompt_.end() :] if prompt_ else bare
    if NO_CURL.match(start):
        raise SpecError("this is no curl command; copy the request again, as cURL (bash)")
    if re.match(r"\S*curl(\.exe)?[\s^]", start):
        return from_curl(start, prompt=prompt, conversation_id=conversation_id)
    return from_raw(text, prompt=prompt, conversation_id=conversation_id)


def from_curl(text: str, *, prompt: str | None = None, conversation_id: str | None = None) -> ImportedRequest:
    """A curl command. `prompt` is the question that stands in it, where it is not marked by {prompt}; so is the id.

    Raises SpecError, one line, for what cannot be sent again.

    >>> found = from_curl("curl https://bot.example/ask -H 'X-Key: s3cr3t' --json '{\\"q\\": \\"Hi?\\"}'", prompt="Hi?")
    >>> found.url, found.template.path, found.template.body, found.template.headers[0], dict(found.secrets)
    ('https://bot.example', '/ask', '{"q": "{prompt}"}', ('X-Key', '{env:BOT_X_KEY}'), {'BOT_X_KEY': 's3cr3t'})
    """
    stem = next(s for n in range(len(text)) if (s := f"qzvar{n}n") not in text)
    variables: dict[str, TemplateSlot] = {}

    def variable(name: str) -> str:
        stand_in = next((s for s, slot in variables.items() if slot == env(name)), f"{stem}{len(variables)}q")
        variables[stand_in] = env(name)
        return stand_in

    command, stdin = without_heredoc(text.strip(), variable)
    return _imported(
        parse_curl(shell_words(command, variable), stdin=stdin, variables=variables), prompt, conversation_id
    )


def from_raw(text: str, *, prompt: str | None = None, conversation_id: str | None = None) -> ImportedRequest:
    """A request as it goes over the wire, "POST /x HTTP/1.1" and so on. Raises SpecError for what is none.

    >>> from_raw("GET /ask?q={prompt} HTTP/1.1\\nHost: bot.example\\n").template.path
    '/ask?q={prompt}'
    """
    return _imported(parse_raw(text), prompt, conversation_id)


def _imported(request: PastedRequest, prompt: str | None, conversation_id: str | None) -> ImportedRequest:
    """Where the question's own words are given and found, what stands in braces is text; else the user marked it."""
    make = partial(_made, request, _address(request), prompt=prompt or "", conversation_id=conversation_id or "")
    pointed = make(marks=frozenset()) if prompt else None
    made = pointed if pointed is not None and pointed.prompt_found else make(marks=MARKS)
    _refuse(made.template, made.prompt_found)
    return made


def _made(
    request: PastedRequest, parts: SplitResult, *, marks: frozenset[str], prompt: str, conversation_id: str
) -> ImportedRequest:
    socket = parts.scheme in ("ws", "wss")
    noted = replace(request, notes=list(request.notes))
    written = partial(written_by, marks=marks, variables=request.variables)
    _note_braces(noted, marks)
    lifting = Lifting(notes=noted.notes, conversation_id=conversation_id)
    headers = lifted_headers(noted, lifting, written)
    body = written(request.body)
    kind = kind_of_body(Template(headers=headers, body=body, framing="websocket" if socket else "body"))
    path = (parts.path if parts.path != "/" or parts.query else "") + ("?" + parts.query if parts.query else "")
    path = map_query(encoded_braces(written(path)), lifting.field)
    body = map_body(body, kind, lifting.field)
    draft = Draft(
        path=lifting.hide(path),
        headers=tuple((name, lifting.hide(value)) for name, value in headers),
        body=lifting.hide(body),
        kind=kind,
        notes=noted.notes,
    )
    found = mark(draft, prompt, conversation_id)
    note_what_is_open(draft)
    framing, answer, done = framing_of(noted, parts.path, draft.body, socket=socket)
    template = Template(
        method=request.method,
        path=draft.path,
        headers=draft.headers,
        body=draft.body,
        framing=framing,
        answer=answer,
        done=done,
    )
    template = replace(template, variables=wanted(template))
    host = parts.netloc.rpartition("@")[2]
    return ImportedRequest(
        f"{parts.scheme}://{host}", template, lifting.secrets, found, tuple(dict.fromkeys(draft.notes))
    )


def _note_braces(request: PastedRequest, marks: frozenset[str]) -> None:
    """Placeholders that are not taken for such."""
    texts = (request.url, request.body, *(value for _, value in request.headers))
    found = {name for text in texts for name in names_of(text)}
    text = sorted(n for n in found if n.startswith(ENV) or (n in MARKS and n not in marks))
    if text:
        shown = ", ".join(f"{{{n}}}" for n in text[:5])
        request.notes.append(
            f"{shown} in what was pasted is text, and sent so; what you mean to be filled in goes into the TOML"
        )


def _address(request: PastedRequest) -> SplitResult:
    """The address in its parts; a user name and password in it become a header. Raises SpecError."""
    url = request.url if "://" in request.url else f"https://{request.url}"
    try:
        parts = urlsplit(url)
        fits = (
            not re.search(r"[\s?#\\]", parts.netloc)
            and parts.netloc.isprintable()
            and parts.scheme in ("http", "https", "ws", "wss")
            and 0 < len(parts.hostname or "") <= LONGEST_HOST
            and (parts.port or 1) > 0
        )
    except ValueError:
        fits = False
    if fits and set("{}") & set(parts.netloc.rpartition("@")[2]):
        raise SpecError("the host of the request holds a placeholder; write the host out")
    if any(stand_in in (parts.netloc if fits else url) for stand_in in request.variables):
        raise SpecError("the address of the request holds a variable of the shell; write the host out")
    if not fits:
        raise SpecError("the address of the request (not shown, it may hold a key) is no web address")
    if parts.username is not None:
        userinfo = unquote(f"{parts.username}:{parts.password or ''}")
        request.headers.append(("authorization", "Basic " + base64.b64encode(userinfo.encode()).decode()))
    return parts


def _refuse(template: Template, found: bool) -> None:
    """Raises SpecError for what no template may hold; that there is no question yet is told otherwise."""
    for loc, what in template_problems(template):
        if loc or found:
            raise SpecError(f"the request cannot be made a template: its {'.'.join(map(str, loc)) or 'text'} {what}")
