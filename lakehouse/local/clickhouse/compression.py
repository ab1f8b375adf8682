"""Content encodings both ways: lz4 frames, zstd, gzip and deflate."""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol, cast

import lz4.frame
from backports import zstd

from lakehouse.local.clickhouse.errors import ClickHouseError

ENCODINGS = ("lz4", "zstd", "gzip", "deflate")


class Compressor(Protocol):
    """An incremental compressor."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...


class _Lz4Compressor:
    """One lz4 frame, whose header lz4 wants to be asked for."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return cast(bytes, head + self._frame.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return cast(bytes, head + self._frame.flush())


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "lz4": _Lz4Compressor,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(level=3, wbits=31),
    "deflate": lambda: zlib.compressobj(level=3),
}


def choose(accept_encoding: str) -> str | None:
    """The encoding of an answer: the first of ours that the client accepts, or None for none."""
    offered = [part.strip().lower() for part in accept_encoding.split(",")]
    accepted = {part.partition(";")[0].strip() for part in offered if "q=0" not in part.replace(" ", "").split(";")}
    return next((name for name in ENCODINGS if name in accepted), None)


def compress(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Compress a stream; a chunk that yields nothing yet is not passed on."""
    compressor = _COMPRESSORS[encoding]()
    for chunk in chunks:
        if packed := compressor.compress(chunk):
            yield packed
    yield compressor.flush()


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a request's Content-Encoding, which may be several frames in a row.

    Raises ClickHouseError for an encoding that is not ours, damaged data, or more than `limit` bytes.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ENCODINGS:
        message = f"Unknown Content-Encoding {encoding!r}: use one of {', '.join(ENCODINGS)}"
        raise ClickHouseError(1, "UNSUPPORTED_METHOD", message, status=415)
    parts: list[bytes] = []
    total = 0
    rest = body
    try:
        while rest:
            unpacked, rest = _one_frame(rest, encoding, limit - total)
            parts.append(unpacked)
            total += len(unpacked)
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise ClickHouseError(432, "UNKNOWN_CODEC", f"The body is not {encoding}: {error}", status=400) from None
    return b"".join(parts)


def _one_frame(data: bytes, encoding: str, limit: int) -> tuple[bytes, bytes]:
    """The first frame unpacked, and what follows it."""
    if encoding in ("gzip", "deflate"):
        inflater = zlib.decompressobj(wbits=31 if encoding == "gzip" else 15)
        return _ended(inflater.decompress(data, limit + 1), inflater, limit)
    if encoding == "lz4":
        unframed = lz4.frame.LZ4FrameDecompressor()
        return _ended(cast(bytes, unframed.decompress(data, max_length=limit + 1)), unframed, limit)
    decoder = zstd.ZstdDecompressor()
    return _ended(decoder.decompress(data, max_length=limit + 1), decoder, limit)


def _ended(unpacked: bytes, decompressor: _Decompressor, limit: int) -> tuple[bytes, bytes]:
    if len(unpacked) > limit:
        raise ClickHouseError(307, "TOO_MANY_BYTES", "The body is larger than this server takes at once", status=413)
    if not decompressor.eof:
        raise EOFError("it ends in the middle")
    return unpacked, decompressor.unused_data or b""
