"""A file of text, line by line: UTF-8, or UTF-16 with its mark; what is no text is named, with what to do about it."""

from collections.abc import Generator
from pathlib import Path

from wrapdetect.errors import LibraryError

MARK = "\ufeff"
SNIFFED = 65_536
"""Bytes from the start by which a file is told."""
UTF_16 = "utf-16"
ZIP = b"PK\x03\x04"
NO_TEXT = {
    b"\x1f\x8b": "packed by gzip; unpack it (gunzip) and import the file within",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it (zstd -d) and import the file within",
    b"BZh": "packed by bzip2; unpack it (bunzip2) and import the file within",
    b"\xfd7zXZ\0": "packed by xz; unpack it (unxz) and import the file within",
    ZIP: "a zip",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save the sheet as 'CSV UTF-8' and import that",
    b"SQLite format 3\0": "an SQLite database; export the table as CSV or JSON lines",
    b"ARROW1": "an Arrow file; make it parquet, CSV or JSON lines",
    b"PAR1": "a parquet file; add --format parquet",
    b"%PDF": "a PDF; expected a table of answers",
    b"\xff\xfe\0\0": "UTF-32; save the file as UTF-8",
}
"""First bytes of files that are no text, and what is said of them."""


def text_lines(path: Path) -> Generator[str, None, None]:
    """Decoded line by line, each with its newline, so that bad UTF-8 has a line; UTF-16 is told by its mark."""
    with path.open("rb") as file:
        encoding = text_encoding(path, file.read(SNIFFED))
        file.seek(0)
        if encoding == UTF_16:
            yield from _utf_16_lines(path)
            return
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                raise LibraryError(
                    f"{path}, line {number}: not UTF-8 (byte {error.start} is {raw[error.start]:#04x}); "
                    "save the file as UTF-8 (what Excel calls Windows-1252 or ANSI is made UTF-8 by "
                    "`iconv -f WINDOWS-1252 -t UTF-8`, or by saving it as 'CSV UTF-8')"
                ) from error
            yield line.removeprefix(MARK) if number == 1 else line


def _utf_16_lines(path: Path) -> Generator[str, None, None]:
    with path.open(encoding="utf-16", newline="\n") as file:
        try:
            yield from file
        except UnicodeError as error:
            raise LibraryError(f"{path}: not sound UTF-16 ({error}); save the file as UTF-8") from error


def text_encoding(path: Path, start: bytes) -> str:
    """utf-8 or utf-16, as the first bytes tell. Raises LibraryError, naming it, for a file that is no text."""
    for magic, what in NO_TEXT.items():
        if start.startswith(magic):
            raise LibraryError(f"{path}: {_archive(start) if magic == ZIP else what}")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return UTF_16
    if b"\0" in start:
        raise LibraryError(f"{path}: holds NUL bytes: UTF-16 without its mark, or no text; save the file as UTF-8")
    return "utf-8"


def _archive(start: bytes) -> str:
    """What a zip is, as the names in its first bytes tell."""
    if b"xl/" in start or b"[Content_Types].xml" in start:
        return "an Excel workbook (.xlsx); save the sheet as 'CSV UTF-8' and import that"
    if any(name in start for name in (b"_journal/", b"samples/", b"header.json")):
        return "an inspect_ai log (.eval, a zip); make it JSON by `inspect log convert --to json`, and import that"
    return (
        "a zip archive (an export of a chat service, an inspect_ai .eval log or an Excel workbook); unpack it, convert "
        "it to JSON or save it as CSV, and import the file within"
    )
