"""Fails when the generated protobuf modules differ from what the .proto files give now."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

# Where grpcio-tools keeps google/protobuf/*.proto; `python -m grpc_tools.protoc` adds it by itself.
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
PROTO = Path(__file__).resolve().parent.parent / "proto"
OUTPUTS = ("python_out=", "mypy_out=quiet:", "grpc_python_out=", "mypy_grpc_out=quiet:")
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def main() -> int:
    sources = sorted(PROTO.glob("fairlead/**/*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{kind}{folder}" for kind in OUTPUTS]
        if protoc.main(["protoc", f"-I{PROTO}", f"-I{WELL_KNOWN}", *outputs, *map(str, sources)]) != 0:
            return 1
        stale = [
            str(target.relative_to(PROTO.parent))
            for source in sources
            for suffix in SUFFIXES
            if not same(target := source.with_name(source.stem + suffix), Path(folder) / target.relative_to(PROTO))
        ]
    if stale:
        print("These generated modules are not current; run `make proto`:", *stale, sep="\n  ")
    return 1 if stale else 0


def same(committed: Path, fresh: Path) -> bool:
    return committed.exists() and committed.read_bytes() == fresh.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
