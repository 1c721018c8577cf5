"""The interface that the onnx package tests back ends through: `tandem.onnx.backend`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx.dtypes import from_numpy, to_numpy
from tandem.onnx.loading import load, onnx_package
from tandem.onnx.module import OnnxModule

onnx_package()

from onnx import helper  # noqa: E402 - after a clear error where the package is missing
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict  # noqa: E402


def _into(value: Any) -> Any:
    """Return arrays as tensors, also inside of sequences."""
    if isinstance(value, (list, tuple)):
        return [_into(each) for each in value]
    return None if value is None else value if isinstance(value, _core.Tensor) else from_numpy(np.asarray(value))


def _out(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_out(each) for each in value]
    return None if value is None else to_numpy(value)


class TandemRep(BackendRep):
    """A model that is ready to run."""

    def __init__(self, module: OnnxModule) -> None:
        self.module = module

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Run the model with arrays, in their order or by name, and return arrays."""
        if isinstance(inputs, dict):
            found = self.module(**{name: _into(value) for name, value in inputs.items()})
        else:
            given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            found = self.module(*map(_into, given))
        results = found if isinstance(found, tuple) else (found,)
        names = [port.name or f"result_{k}" for k, port in enumerate(self.module.outputs)]
        return namedtupledict("Outputs", names)(*map(_out, results))


class TandemBackend(Backend):
    """Tandem as a back end of ONNX, on the CPU."""

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
        try:
            load(model)
        except _core.Error:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> TandemRep:
        """Return the model, ready to run."""
        super().prepare(model, device, **kwargs)
        if not cls.supports_device(device):
            raise _core.BackendError(f"prepare: got device={device!r}; need 'CPU'")
        return TandemRep(load(model))

    @classmethod
    def run_model(cls, model: Any, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """Run a model once."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls, node: Any, inputs: Any, device: str = "CPU", outputs_info: Sequence[Any] | None = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Run a node once, with arrays for its inputs."""
        super().run_node(node, inputs, device, outputs_info, **kwargs)
        names = [name for name in node.input if name]
        arrays = [inputs[name] for name in names] if isinstance(inputs, dict) else list(inputs)
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype), np.shape(x))
            for name, x in zip(names, arrays, strict=True)
        ]
        results = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], node.op_type, ports, results)
        version = kwargs.get("opset_version")
        imports = [helper.make_opsetid(node.domain, version)] if version else None
        if not cls.supports_device(device):
            raise _core.BackendError(f"run_node: got device={device!r}; need 'CPU'")
        # The results have no types yet, so this is no model that onnx.checker takes.
        return TandemRep(load(helper.make_model(graph, opset_imports=imports))).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether it runs there."""
        return Device(device).type == DeviceType.CPU


is_compatible = TandemBackend.is_compatible
prepare = TandemBackend.prepare
run_model = TandemBackend.run_model
run_node = TandemBackend.run_node
supports_device = TandemBackend.supports_device
