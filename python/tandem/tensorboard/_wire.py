"""The messages of TensorBoard's event files, and their encoding as protocol buffers.

`MESSAGES` is the only place that knows numbers of fields; `tests/tensorboard` compares it with TensorBoard's own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

# Name of a field: its number, and its kind: a scalar type, the name of a message, or "map" with the kind of the values
# (keys are strings). A list stands for a repeated field.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Event": {
        "wall_time": (1, "double"),
        "step": (2, "int64"),
        "file_version": (3, "string"),
        "summary": (5, "Summary"),
        "source_metadata": (10, "SourceMetadata"),
    },
    "SourceMetadata": {"writer": (1, "string")},
    "Summary": {"value": (1, "Summary.Value")},
    "Summary.Value": {
        "tag": (1, "string"),
        "simple_value": (2, "float"),
        "tensor": (8, "TensorProto"),
        "metadata": (9, "SummaryMetadata"),
    },
    "SummaryMetadata": {
        "plugin_data": (1, "SummaryMetadata.PluginData"),
        "display_name": (2, "string"),
        "summary_description": (3, "string"),
        "data_class": (4, "enum"),
    },
    "SummaryMetadata.PluginData": {"plugin_name": (1, "string"), "content": (2, "bytes")},
    "TensorProto": {
        "dtype": (1, "enum"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "string_val": (8, "bytes"),
    },
    "TensorShapeProto": {"dim": (2, "TensorShapeProto.Dim"), "unknown_rank": (3, "bool")},
    "TensorShapeProto.Dim": {"size": (1, "int64"), "name": (2, "string")},
    "GraphDef": {"node": (1, "NodeDef"), "versions": (4, "VersionDef")},
    "VersionDef": {"producer": (1, "int32")},
    "NodeDef": {
        "name": (1, "string"),
        "op": (2, "string"),
        "input": (3, "string"),
        "device": (4, "string"),
        "attr": (5, "map AttrValue"),
    },
    "AttrValue": {
        "list": (1, "AttrValue.ListValue"),
        "s": (2, "bytes"),
        "type": (6, "enum"),
        "shape": (7, "TensorShapeProto"),
    },
    "AttrValue.ListValue": {"shape": (7, "TensorShapeProto")},
    "RunMetadata": {"step_stats": (1, "StepStats"), "function_graphs": (4, "RunMetadata.FunctionGraphs")},
    "RunMetadata.FunctionGraphs": {"pre_optimization_graph": (2, "GraphDef")},
    "StepStats": {"dev_stats": (1, "DeviceStepStats")},
    "DeviceStepStats": {"device": (1, "string"), "node_stats": (2, "NodeExecStats")},
    "NodeExecStats": {
        "node_name": (1, "string"),
        "all_start_micros": (2, "int64"),
        "op_start_rel_micros": (3, "int64"),
        "op_end_rel_micros": (4, "int64"),
        "all_end_rel_micros": (5, "int64"),
        "timeline_label": (8, "string"),
    },
    "hparams.HParamsPluginData": {
        "version": (1, "int32"),
        "session_start_info": (3, "hparams.SessionStartInfo"),
        "session_end_info": (4, "hparams.SessionEndInfo"),
    },
    "hparams.SessionStartInfo": {
        "hparams": (1, "map google.protobuf.Value"),
        "start_time_secs": (5, "double"),
    },
    "hparams.SessionEndInfo": {"status": (1, "enum"), "end_time_secs": (2, "double")},
    "google.protobuf.Value": {"number_value": (2, "double"), "string_value": (3, "string"), "bool_value": (4, "bool")},
}

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # how a field ends, in the lower three bits of its tag
FIXED = {"double": (FIXED64, struct.Struct("<d")), "float": (FIXED32, struct.Struct("<f"))}
INTEGERS = frozenset({"int32", "int64", "enum", "bool"})


def encode(message: str, fields: Mapping[str, Any]) -> bytes:
    """Return a message of the table as bytes; its values are numbers, texts, bytes, mappings or lists of them."""
    known = MESSAGES[message]
    out = bytearray()
    for name, value in fields.items():
        number, kind = known[name]
        if kind.startswith("map "):
            for key, item in value.items():
                entry = _field(1, "string", key) + _field(2, kind[4:], item)
                out += _tag(number, LENGTH) + _varint(len(entry)) + entry
        elif isinstance(value, (list, tuple)):
            for item in value:
                out += _field(number, kind, item)
        else:
            out += _field(number, kind, value)
    return bytes(out)


def _field(number: int, kind: str, value: Any) -> bytes:
    if kind in INTEGERS:
        return _tag(number, VARINT) + _varint(int(value) & 0xFFFF_FFFF_FFFF_FFFF)
    if kind in FIXED:
        ending, packing = FIXED[kind]
        return _tag(number, ending) + packing.pack(value)
    if kind == "string":
        content = value.encode("utf-8", "replace")
    elif kind == "bytes":
        content = value
    else:
        content = encode(kind, value)
    return _tag(number, LENGTH) + _varint(len(content)) + content


def _tag(number: int, ending: int) -> bytes:
    return _varint(number << 3 | ending)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
