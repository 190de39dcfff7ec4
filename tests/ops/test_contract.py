"""Every backend offers exactly the functions of ``spec.py``, with the same signatures."""

import inspect

import pytest

from minicnn.backends import spec
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
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


SPEC = {
    name: f
    for name, f in public_functions(spec).items()
    if getattr(f, "__module__", "") == spec.__name__
}
#: what a backend shows beside the contract: the textbook's two, for the tutorials
EXTRA = {"minicnn.backends.reference": {"im2col", "col2im"}}


@pytest.mark.parametrize("name", sorted(set(SPEC) - set(spec.OPTIONAL) - set(spec.BEHIND_THE_HOST)))
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


def test_optional_names_exist():
    assert {*spec.OPTIONAL, *spec.BEHIND_THE_HOST} <= set(SPEC)


def test_these_tests_cover_every_operation():
    assert not missing_operations()
