"""Raw HTTP/1.1, or a browser's copy of HTTP/2 -> the request that it is."""

import re
from collections.abc import Mapping

from wrapdetect.errors import SpecError
from wrapdetect.targets.curl.request import PastedRequest


def parse_raw(text: str) -> PastedRequest:
    text = text.lstrip("\ufeff\r\n").replace("\r\n", "\n")
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    match = re.fullmatch(r"\s*([A-Za-z]+)\s+(\S+)(?:\s+HTTP/[\d.]+)?\s*", first)
    if match is None:
        raise SpecError(
            f"neither a curl command nor a raw request: its first line ({len(first)} characters) is not such as "
            "POST /chat HTTP/1.1; copy the request again, as cURL (bash)"
        )
    request = PastedRequest(method=match[1].upper(), body=body.removesuffix("\n"))
    for number, line in enumerate(lines, start=2):
        name, colon, value = line.lstrip(":").partition(":")
        if not line.strip():
            continue
        if not colon or line[:1].isspace():
            raise SpecError(f"line {number} of the raw request is no header such as Name: value")
        request.headers.append((name.strip(), value.strip()))
    headers = {k.lower(): v for k, v in request.headers}
    request.url = match[2] if "://" in match[2] else _address(headers, match[2], request)
    request.headers = [(k, v) for k, v in request.headers if k.lower() not in ("method", "authority", "scheme", "path")]
    if "chunked" in headers.get("transfer-encoding", "").lower():
        raise SpecError("the raw request has a chunked body; copy it as it was before it was cut")
    return request


def _address(headers: Mapping[str, str], path: str, request: PastedRequest) -> str:
    host = headers.get("host") or headers.get("authority")
    if not host:
        raise SpecError("the raw request has no Host header, so that nobody knows whom it asks; add one")
    local = re.match(r"(localhost|127\.|\[::1\])", host)
    scheme = headers.get("scheme") or ("http" if local or host.endswith(":80") else "https")
    request.notes.append(f"a raw request does not say http or https: {scheme} was taken")
    return f"{scheme}://{host}{path if path.startswith('/') else '/' + path}"
