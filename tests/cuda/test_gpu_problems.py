"""What is missing or broken of CUDA is a BackendError that says what was looked for and what to do; the CPU goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuda_support import STUBS, run

# The environment, and what the message has to say.
MISSING = {
    "no driver": (
        {"TANDEM_CUDA_DRIVER": "/nowhere/libcuda.so.1"},
        ["got no NVIDIA driver", "/nowhere/libcuda.so.1", "try installing the driver"],
    ),
    "old driver": ({"TANDEM_STUB_VERSION": "11040"}, ["a driver for CUDA 11.4", "need one for 12.0 or newer"]),
    "missing function": (
        {"TANDEM_CUDA_DRIVER": str(STUBS / "libcuda_stub_incomplete.so")},
        ["without the function cuLaunchKernel", "since CUDA 4.0"],
    ),
    "no device": ({"TANDEM_STUB_DEVICES": "0"}, ["sees no GPU", "nvidia-smi", "CUDA_VISIBLE_DEVICES"]),
    "a driver that does not start": ({"TANDEM_STUB_INIT": "802"}, ["CUDA_ERROR_SYSTEM_NOT_READY", "cuInit"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_without_a_gpu(case: str) -> None:
    environment, wanted = MISSING[case]
    out = run(
        """
        assert not td.cuda.is_available() and td.cuda.device_count() == 0
        x = td.asarray([1.0, 2.0])
        for attempt in (lambda: x.to("cuda"), lambda: td.zeros(3, device="cuda"), td.cuda.synchronize, x.cuda):
            message = error(td.BackendError, attempt)
            assert message == td.cuda.problem()
        print(message)
        assert ((x + 1) * 2).tolist() == [4.0, 6.0]
        assert td.__array_namespace_info__().devices() == ["cpu"]
        """,
        **environment,
    )
    for part in wanted:
        assert part in out


def test_nothing_is_opened_before_a_gpu_is_asked_for() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0])
        td.trace(lambda x: x * 2 + 1)(x)
        assert "libcuda" not in open("/proc/self/maps").read()
        """,
        TANDEM_CUDA_DRIVER="/nowhere/libcuda.so.1",
    )


def test_nvrtc_is_missing(tmp_path: Path) -> None:
    out = run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        print(error(td.BackendError, lambda: x + 1))
        assert x.cpu().tolist() == [1.0, 2.0]  # copies need no compiler
        assert (x.cpu() + 1).tolist() == [2.0, 3.0]
        """,
        TANDEM_NVRTC="/nowhere/libnvrtc.so",
        TANDEM_CACHE_DIR=str(tmp_path),
    )
    assert "no NVRTC" in out and "/nowhere/libnvrtc.so" in out and "pip install nvidia-cuda-nvrtc" in out


def test_builtins_are_missing(tmp_path: Path) -> None:
    out = run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        print(error(td.BackendError, lambda: x + 1))
        """,
        TANDEM_NVRTC=str(STUBS / "nvrtc_stub_alone" / "libnvrtc_stub_alone.so"),
        TANDEM_CACHE_DIR=str(tmp_path),  # code from the cache would do without NVRTC
    )
    assert "without its builtins" in out and "libnvrtc-builtins.so.13.0" in out


def test_the_architecture_is_too_old(tmp_path: Path) -> None:
    out = run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        print(error(td.BackendError, lambda: x + 1))
        """,
        TANDEM_STUB_MAJOR="7",
        TANDEM_CACHE_DIR=str(tmp_path),
    )
    assert "sm_70" in out and "sm_80 and later" in out


def test_cublaslt_is_missing() -> None:
    out = run(
        """
        x = td.ones((2, 2)).to("cuda")
        print(error(td.BackendError, lambda: x @ x))
        assert (x.cpu() @ x.cpu()).tolist() == [[2.0, 2.0], [2.0, 2.0]]
        print(td.cuda.versions()["cublaslt"])
        """,
        TANDEM_CUBLASLT="/nowhere/libcublasLt.so",
    )
    assert out.count("no cuBLASLt") == 2 and "pip install nvidia-cublas" in out


def test_device_names() -> None:
    run(
        """
        assert td.device("cuda") == "cuda:0" and td.device("cuda:1").index == 1 and td.device("cpu").index is None
        assert td.device("cuda").type == "cuda" and repr(td.device("cuda:1")) == "device('cuda:1')"
        assert "of which there are 2" in error(td.BackendError, lambda: td.device("cuda:2"))
        for name in ("gpu", "cuda:", "cuda:x", ""):
            assert "need 'cpu', 'cuda' or the number of a GPU" in error(ValueError, lambda: td.device(name))
        assert "need 'cpu', 'cuda'" in error(TypeError, lambda: td.asarray([1]).to(3))
        assert td.cuda.device_count() == 2 and td.cuda.get_device_name(1) == "Stub GPU 1"
        assert td.cuda.get_device_properties().major == 9
        assert td.__array_namespace_info__().devices() == ["cpu", "cuda:0", "cuda:1"]
        """
    )


def test_tensors_on_different_devices() -> None:
    run(
        """
        a, b, c = td.ones(3).to("cuda:0"), td.ones(3).to("cuda:1"), td.ones(3)
        message = error(td.BackendError, lambda: a + b)
        assert message.startswith("add: got tensors on cuda:0 and cuda:1; need all on one device"), message
        message = error(td.BackendError, lambda: c * a)
        assert "multiply: got tensors on cpu and cuda:0" in message and "try x.to('cuda:0')" in message, message
        message = error(td.BackendError, lambda: a.__setitem__(slice(None), c))
        assert "assignment: got values on cpu for a tensor on cuda:0" in message, message
        assert (a.cpu() + b.cpu() + c).tolist() == [3.0, 3.0, 3.0]
        f = td.trace(lambda x, y: x + y)
        message = error(td.BackendError, lambda: f(a, c))
        assert "got tensors on cuda:0 and on cpu" in message and "one device" in message, message
        message = error(td.BackendError, lambda: a.numpy())
        assert message == "numpy: got a tensor on cuda:0; need one on the CPU, where NumPy works; try x.cpu().numpy()"
        assert "x.cpu()" in error(td.BackendError, lambda: np.asarray(a))
        """
    )


@pytest.mark.parametrize("result", ["CUDA_ERROR_ILLEGAL_INSTRUCTION", "CUDA_ERROR_ILLEGAL_ADDRESS"])
def test_a_kernel_that_traps(result: str) -> None:
    number = {"CUDA_ERROR_ILLEGAL_INSTRUCTION": 715, "CUDA_ERROR_ILLEGAL_ADDRESS": 700}[result]
    out = run(
        f"""
        import linecache
        text = "def f(x):\\n    return x * 2 + 1\\n"
        linecache.cache["model.py"] = (len(text), None, text.splitlines(True), "model.py")
        scope = {{}}
        exec(compile(text, "model.py", "exec"), scope)
        f = td.trace(scope["f"])
        x = td.asarray([1.0, 2.0]).to("cuda:0")
        other = td.asarray([5.0]).to("cuda:1")
        td.cuda.synchronize()
        fail("run", {number})
        y = f(x)  # fails later
        message = error(td.BackendError, y.cpu)
        print(message)
        again = error(td.BackendError, lambda: x + 1)
        assert "cannot be used any more in this process" in again and "{result}" in again, again
        assert (td.asarray([1.0]) + 1).tolist() == [2.0]
        assert (other + 1).cpu().tolist() == [6.0]  # the other GPU
        """
    )
    assert "a kernel failed: " + result in out
    assert "model.py:2" in out and "in the kernel" in out


def test_a_launch_that_is_refused() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        (x + 1).cpu()
        fail("cuLaunchKernel", 1)
        message = error(td.BackendError, lambda: x + 1)
        assert "CUDA_ERROR_INVALID_VALUE" in message and "cuLaunchKernel" in message, message
        assert (x + 1).cpu().tolist() == [2.0, 3.0]
        """
    )


def test_code_for_another_gpu() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        fail("cuModuleLoadData", 209)
        message = error(td.BackendError, lambda: x + 1)
        assert "CUDA_ERROR_NO_BINARY_FOR_GPU" in message and "compute capability 9.0" in message, message
        assert (x + 1).cpu().tolist() == [2.0, 3.0]
        """
    )


def test_a_full_gpu() -> None:
    run(
        """
        x = td.ones(1000, device="cuda")
        big = [td.empty(16_000_000, device="cuda") for _ in range(2)]
        message = error(MemoryError, lambda: [td.empty(16_000_000, device="cuda") for _ in range(9)])
        assert message.startswith("cuda:0: got a request of 64000000 bytes"), message
        big.clear()
        stats = td.cuda.memory_stats()
        assert stats["retries"] > 0 and stats["in_use"] == 4096 and stats["peak"] > 128e6
        assert float((x + 1).sum().cpu()) == 2000.0
        td.empty(50_000_000, device="cuda")  # what was cached does not stand in the way
        td.cuda.empty_cache()
        td.cuda.reset_peak_memory()
        assert td.cuda.memory_stats()["peak"] == 4096
        """
    )


def test_a_child_of_fork() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda")
        child = os.fork()
        if child == 0:
            message = error(td.BackendError, lambda: x + 1)
            ok = "child of fork" in message and "spawn" in message and (td.asarray([1.0]) + 1).tolist() == [2.0]
            del x
            os._exit(0 if ok else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (x + 1).cpu().tolist() == [2.0, 3.0]
        """
    )
