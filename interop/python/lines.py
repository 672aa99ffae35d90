"""The line format of the interop suite, see interop/README.md: hex for bytes, "-" for null."""

import sys


def unhex(text):
    return None if text == "-" else bytes.fromhex(text)


def tohex(data):
    return "-" if data is None else bytes(data).hex()


def parse_headers(text):
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return [(unhex(name).decode(), unhex(value)) for name, value in pairs]


def read_inputs():
    """Returns the records to send, by codec, in the order in which they came."""
    by_codec = {}
    for number, line in enumerate(sys.stdin):
        codec, timestamp, key, value, headers = line.rstrip("\n").split("\t")
        record = (number, int(timestamp), unhex(key), unhex(value), parse_headers(headers))
        by_codec.setdefault(codec, []).append(record)
    return by_codec


def print_record(partition, offset, timestamp, key, value, headers):
    pairs = ",".join(f"{name.encode().hex()}:{tohex(data)}" for name, data in headers)
    print(partition, offset, timestamp, tohex(key), tohex(value), pairs, sep="\t")
