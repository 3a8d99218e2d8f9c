"""A curl command -> the request that it would send."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from wrapdetect.dialects.template.filling import JSON, MULTIPART
from wrapdetect.dialects.template.multipart import Part, body_of, unlike_all
from wrapdetect.dialects.template.slots import TemplateSlot
from wrapdetect.errors import SpecError
from wrapdetect.model import prose
from wrapdetect.targets.curl.request import PastedRequest

FLAGS = frozenset(
    {
        "--compressed", "--silent", "--show-error", "--include", "--location", "--no-buffer", "--verbose", "--fail",
        "--globoff", "--http1.1", "--http2", "--http3", "--http1.0", "--tlsv1.2", "--tlsv1.3", "--path-as-is",
        "--progress-bar", "--fail-with-body", "--no-progress-meter", "--ipv4", "--ipv6", "--http2-prior-knowledge",
        "--no-keepalive", "--tcp-nodelay", "--ssl-reqd", "--raw", "--disable",
    }
)  # fmt: skip
SHORT_FLAGS = "sSiLNvfgq#046123"
VALUED = frozenset(
    {
        "--max-time", "--connect-timeout", "--output", "--write-out", "--retry", "--retry-delay", "--user", "--proto",
        "--limit-rate", "--resolve", "--dump-header", "--cookie-jar", "--max-redirs", "--keepalive-time",
        "--expect100-timeout", "--speed-time", "--speed-limit",
    }
)  # fmt: skip
"""Options without a meaning here, with a value."""
_SHORT = {
    "X": "--request", "H": "--header", "d": "--data", "b": "--cookie", "u": "--user", "A": "--user-agent",
    "e": "--referer", "F": "--form", "k": "--insecure", "G": "--get", "I": "--head", "x": "--proxy", "m": "--max-time",
    "o": "--output", "w": "--write-out", "T": "--upload-file", "E": "--cert", "c": "--cookie-jar", "D": "--dump-header",
}  # fmt: skip
_REFUSED = {
    "--insecure": "certificates are always checked; leave it out, or give the server a certificate that holds",
    "--upload-file": "uploads are not supported",
    "--cert": "client certificates are not supported",
    "--key": "client certificates are not supported",
    "--config": "reads options from a file that is not here; write them out",
    "--next": "only one request can be read; leave the others out",
    "--head": "a HEAD request has no answer to read",
    "--aws-sigv4": "signed requests cannot be sent again; take another way in",
    "--unix-socket": "a socket of this machine is no web address",
}
BODY_OPTIONS = ("--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode", "--json")
FORM_OPTIONS = ("--form", "--form-string")
BOUNDARY = "------------------------wrapdetect"


def parse_curl(
    given: list[str], *, stdin: str | None = None, variables: Mapping[str, TemplateSlot] | None = None
) -> PastedRequest:
    """`stdin` is what the command reads as @-, where that is known; `variables` as of a Request. Raises SpecError."""
    if not given or not re.fullmatch(r"\S*curl(\.exe)?", given[0]):
        raise SpecError("this is no curl command; expected one such as: curl https://bot.example/chat -d '..'")
    request, body, form, get = PastedRequest(variables=dict(variables or {})), list[str](), list[Part](), False
    queries = list[str]()
    rest = iter(given[1:])
    for option, value in _options(rest):
        match option:
            case "":
                if request.url:
                    raise SpecError("the curl command holds two addresses; leave one")
                request.url = value
            case "--url":
                request.url = value
            case "--request":
                request.method = value.upper()
            case "--header":
                _add_header(request, value)
            case "--cookie":
                if "=" not in value and value not in request.variables:
                    raise SpecError("curl's -b names a file of cookies that is not here; write out the cookies")
                request.headers.append(("cookie", value))
            case "--user":
                if any(stand_in in value for stand_in in request.variables):
                    raise SpecError("curl's -u holds a variable; write the header out: authorization: Basic $NAME")
                request.headers.append(("authorization", "Basic " + base64.b64encode(value.encode()).decode()))
            case "--oauth2-bearer":
                request.headers.append(("authorization", f"Bearer {value}"))
            case "--user-agent":
                request.headers.append(("user-agent", value))
            case "--referer":
                request.headers.append(("referer", value))
            case "--get":
                get = True
            case "--proxy":
                request.notes.append("the proxy of the command is not used")
            case "--url-query":
                queries.append(value[1:] if value.startswith("+") else _data("--data-urlencode", value, request))
            case _ if option in FORM_OPTIONS:
                form.append(_form_part(option, value))
            case _ if option in BODY_OPTIONS:
                body.append(_data(option, value, request, stdin))
    if not request.url:
        raise SpecError("the curl command holds no address; expected one such as https://bot.example/chat")
    if form and body:
        raise SpecError("the curl command holds both -F and -d; leave one")
    if get or queries:
        _add_query(request, [*(body if get else ()), *queries])
    if form:
        boundary = unlike_all(BOUNDARY, [content for _, content in form])
        request.headers = [(n, v) for n, v in request.headers if n.lower() != "content-type"]
        request.headers.append(("content-type", f"{MULTIPART}; boundary={boundary}"))
        request.body = body_of(form, boundary)
    elif not get:
        request.body = "&".join(body)
    request.method = request.method or ("POST" if request.body else "GET")
    return request


def _options(rest: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each option by its long name with its value, and the address by the name ""."""
    left = iter(rest)
    for word in left:
        if word == "--" or not word.startswith("-") or word == "-":
            if word not in ("-", "--"):
                yield "", word
            continue
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            yield _long(name, (lambda given=value: given) if equals else lambda: next(left, None))  # type: ignore[misc]
            continue
        yield from _short_options(word, left)


def _short_options(word: str, left: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Several may stand in one word, of which the last may have its value there too."""
    rest = iter(left)
    for at, letter in enumerate(word[1:], start=1):
        if letter in SHORT_FLAGS:
            continue
        name = _SHORT.get(letter)
        if name is None:
            raise SpecError(f"curl's option -{letter} is not known here; leave it out")
        tail = word[at + 1 :]
        takes = name not in ("--get", "--insecure", "--head")
        yield _long(name, lambda tail=tail: tail or next(rest, None))  # type: ignore[misc]
        if takes:
            return


def _long(name: str, value: Callable[[], str | None]) -> tuple[str, str]:
    if name in _REFUSED:
        raise SpecError(f"curl's option {name}: {_REFUSED[name]}")
    if name in FLAGS or name == "--get":
        return name, ""
    known = (*_SHORT.values(), *BODY_OPTIONS, *FORM_OPTIONS, *VALUED, "--url", "--url-query", "--oauth2-bearer")
    if name not in known:
        raise SpecError(f"curl's option {prose.quote(name, 60)} is not known here; leave it out")
    given = value()
    if given is None:
        raise SpecError(f"curl's option {name} has no value; paste the command whole")
    return name, given


def _add_header(request: PastedRequest, line: str) -> None:
    name, colon, value = line.partition(":")
    if line.startswith("@"):
        raise SpecError("curl's -H @.. reads headers from a file that is not here; write them out")
    if colon and value.strip():  # without a value curl takes the header out
        request.headers.append((name.strip(), value.strip()))


def _form_part(option: str, value: str) -> Part:
    name, equals, content = value.partition("=")
    if not equals:
        raise SpecError("curl's -F has no name=content; paste the command whole")
    kind = ""
    if option == "--form":
        if content[:1] in ("@", "<"):
            raise SpecError("curl's -F ..=@FILE sends a file that is not here; leave it out, or write its text out")
        content, _, kind = content.partition(";type=")
        if len(content) > 1 and content[0] == content[-1] == '"':
            content = re.sub(r'\\(["\\])', r"\1", content[1:-1])
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'Content-Disposition: form-data; name="{quoted}"' + (f"\nContent-Type: {kind}" if kind else "")
    return head, content


def _data(option: str, value: str, request: PastedRequest, stdin: str | None = None) -> str:
    if option == "--data-urlencode":
        name, equals, content = value.partition("=")
        if "@" in name or (not equals and "@" in value):
            raise SpecError("curl's --data-urlencode ..@FILE reads a file that is not here; write its text out")
        return (name + "=" if name and equals else "") + quote(content if equals else value, safe="{}:")
    if option != "--data-raw" and value == "@-" and stdin is not None:
        value = stdin if option in ("--data-binary", "--json") else stdin.replace("\r", "").replace("\n", "")
    elif option != "--data-raw" and value.startswith("@"):
        raise SpecError(f"curl's {option} @.. reads a file that is not here; write its text out")
    if option == "--json":
        names = {name.lower() for name, _ in request.headers}
        request.headers += [(n, JSON) for n in ("content-type", "accept") if n not in names]
    return value


def _add_query(request: PastedRequest, fields: list[str]) -> None:
    base = request.url.partition("#")[0]
    if fields:
        request.url = base + ("&" if "?" in base else "?") + "&".join(fields)
