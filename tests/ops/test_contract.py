"""Every backend offers exactly the functions of ``spec.py``, with the same signatures."""

import inspect
import sys
from types import ModuleType

import pytest

from minicnn import backends
from minicnn.backends import BackendError, reference, spec
from tests.ops.cases import missing_operations


def public_functions(module):
    """The functions of a module by name, imported ones included, private ones not."""
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not inspect.isclass(value) and not name.startswith("_")
    }


def parameters(function):
    """(name, kind, default) of every parameter; of a compiled function, those of its source."""
    signature = inspect.signature(getattr(function, "py_func", function))
    listed = [(p.name, p.kind, p.default) for p in signature.parameters.values()]
    return listed[1:] if listed[:1] and listed[0][0] == "self" else listed  # of a protocol


SPEC = {
    name: f
    for protocol in (spec.Backend, spec.DeviceBackend, spec.FusedBackend)
    for name, f in public_functions(protocol).items()
}
#: what a backend shows beside the contract: pieces of the textbook
EXTRA = {"minicnn.backends.reference": {"im2col", "col2im", "sigmoid", "random_bits"}}


@pytest.mark.parametrize("name", spec.REQUIRED)
def test_backend_has_the_operation(ops, name):
    assert parameters(getattr(ops, name)) == parameters(SPEC[name])


@pytest.mark.parametrize("name", spec.OPTIONAL)
def test_fused_operation_has_its_signature(ops, name):
    if not hasattr(ops, name):
        pytest.skip(f"{ops.__name__} does not fuse {name}")
    assert parameters(getattr(ops, name)) == parameters(SPEC[name])


def test_backend_has_nothing_else(ops):
    """A file of operations has no other public function; what it imports from other files to do
    its work is not the backend's.
    """
    functions = public_functions(ops)
    files = {functions[name].__module__ for name in set(SPEC) & set(functions)}
    others = {n for n, f in functions.items() if n not in SPEC and f.__module__ in files}
    assert others == EXTRA.get(ops.__name__, set())


def test_fused_operations_come_in_pairs(ops):
    offered = {name for name in spec.OPTIONAL if hasattr(ops, name)}
    assert {name.replace("_forward", "_backward") for name in offered} == {
        name.replace("_forward", "_backward") for name in offered if name.endswith("_forward")
    }
    assert len(offered) % 2 == 0


@pytest.mark.parametrize("name", sorted(SPEC))
def test_every_operation_is_explained(name):
    assert len(inspect.getdoc(SPEC[name]) or "") > 10


def test_every_forward_has_its_backward():
    forward = {name.removesuffix("_forward") for name in SPEC if name.endswith("_forward")}
    backward = {name.removesuffix("_backward") for name in SPEC if name.endswith("_backward")}
    assert forward == backward


def test_a_backend_runs_behind_the_host_or_does_not(ops):
    offered = {name for name in spec.BEHIND_THE_HOST if hasattr(ops, name)}
    assert offered in (set(), set(spec.BEHIND_THE_HOST))
    for name in offered:
        assert parameters(getattr(ops, name)) == parameters(SPEC[name])


def test_an_operation_is_required_or_optional():
    kinds = (spec.REQUIRED, spec.OPTIONAL, spec.BEHIND_THE_HOST)
    assert sorted(name for kind in kinds for name in kind) == sorted(SPEC)


@pytest.fixture
def fake(monkeypatch):
    """A backend named "fake", which has what the textbook has."""
    module = ModuleType("fake_backend")
    vars(module).update({name: getattr(reference, name) for name in spec.REQUIRED})
    monkeypatch.setitem(sys.modules, "fake_backend", module)
    monkeypatch.setitem(backends._BACKENDS, "fake", ("fake_backend", (), None))
    return module


def test_a_backend_with_every_operation_is_taken(fake):
    assert backends.get("fake") is fake


def test_a_missing_operation_is_an_error_and_nothing_falls_back(fake):
    del fake.rescale_forward
    fake.adam_step = None
    with pytest.raises(BackendError, match=r"'fake' backend .* has no rescale_forward, adam_step;"):
        backends.get("fake")
    assert set(dir(fake)) & set(spec.REQUIRED) == set(spec.REQUIRED) - {"rescale_forward"}


def test_these_tests_cover_every_operation():
    assert not missing_operations()
