"""Sixteen float32 side by side as one value of compiled code: what is written of one is done to sixteen.

A loop that the compiler is left to vectorise is at its mercy; these are vector instructions by construction,
cut to whatever width the processor has. Comparisons with NaN are false, so `higher(v, best)` passes over it.
"""
# ruff: noqa: ARG001, ARG005 - the compiler says which arguments a definition takes

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
Lanes = Any
"""What a kernel's own functions say of a value of sixteen; only the compiler knows the type."""

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
_ONE, _WHICH = ir.IntType(32), ir.VectorType(ir.IntType(32), LANES)
_BYTE = ir.IntType(8).as_pointer()


class LanesType(types.Type):  # type: ignore[misc]
    """Sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


class MaskType(types.Type):  # type: ignore[misc]
    """Sixteen times yes or no."""

    def __init__(self) -> None:
        super().__init__(name="Mask")


class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BITS)


register_model(LanesType)(_LanesModel)
register_model(MaskType)(_MaskModel)
_LANES, _MASK = LanesType(), MaskType()


def _operation(define: Callable[..., Any]) -> Any:
    """`define(typing, *types)` gives signature and code; in a kernel it is called with values."""
    return intrinsic(define)


def _of(result: Any, kinds: tuple[Any, ...], emit: Callable[..., Any]) -> Any:
    """An operation on plain values: `emit(builder, *values)` is its result."""
    return result(*kinds), lambda context, builder, signature, values: emit(builder, *values)


def _at(result: Any, kinds: tuple[Any, ...], emit: Callable[..., Any]) -> Any:
    """The same where arrays stand for where their data begin; without a result where that is none."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = emit(builder, *(
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, values, strict=True)
        ))  # fmt: skip
        return context.get_dummy_value() if result is types.void else found

    return result(*kinds), generate


@_operation
def spread(typing: Any, number: Any) -> Any:
    """The number in every lane."""

    def emit(builder: Any, value: Any) -> Any:
        none = ir.Constant(_FLOATS, ir.Undefined)
        first = builder.insert_element(none, value, _ONE(0))
        return builder.shuffle_vector(first, none, ir.Constant(_WHICH, [0] * LANES))

    return _of(_LANES, (types.float32,), emit)


@_operation
def load(typing: Any, source: Any, at: Any) -> Any:
    """source[at : at + 16] of a contiguous float32 array; nothing watches the bounds."""
    return _at(_LANES, (source, types.intp), _load)


@_operation
def store(typing: Any, target: Any, at: Any, value: Any) -> Any:
    """target[at : at + 16] = value; nothing watches the bounds."""
    return _at(types.void, (target, types.intp, _LANES), _store)


@_operation
def store_first(typing: Any, target: Any, at: Any, value: Any, count: Any) -> Any:
    """target[at : at + count] = the first `count` lanes; nothing watches the bounds."""

    def emit(builder: Any, data: Any, place: Any, lanes: Any, count: Any) -> None:
        none = ir.Constant(_WHICH, ir.Undefined)
        most = builder.insert_element(none, builder.trunc(count, _ONE), _ONE(0))
        most = builder.shuffle_vector(most, none, ir.Constant(_WHICH, [0] * LANES))
        mask = builder.icmp_signed("<", ir.Constant(_WHICH, list(range(LANES))), most)
        form = ir.FunctionType(ir.VoidType(), [_FLOATS, _FLOATS.as_pointer(), _ONE, _BITS])
        some = get_or_insert_function(builder.module, form, "llvm.masked.store.v16f32.p0")
        where = builder.bitcast(builder.gep(data, [place]), _FLOATS.as_pointer())
        builder.call(some, [lanes, where, _ONE(4), mask])

    return _at(types.void, (target, types.intp, _LANES, types.intp), emit)


@_operation
def fetch(typing: Any, source: Any, at: Any) -> Any:
    """Asks for the cache line of source[at] ahead: rows side by side are no stream a processor foresees."""

    def emit(builder: Any, data: Any, place: Any) -> None:
        form = ir.FunctionType(ir.VoidType(), [_BYTE, _ONE, _ONE, _ONE])
        ask = get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
        where = builder.bitcast(builder.gep(data, [place]), _BYTE)
        builder.call(ask, [where, _ONE(0), _ONE(3), _ONE(1)])  # to read, to keep, data

    return _at(types.void, (source, types.intp), emit)


@_operation
def turn(typing: Any, source: Any, sources: Any, at: Any, target: Any, targets: Any, first: Any) -> Any:
    """Transposes 16 × 16: target[targets[first + i] + j] = source[sources[j] + at + i], i and j 0 to 15.

    `sources`, `targets` int64 say where rows begin in the flat float32 arrays; nothing watches the bounds.
    """

    def emit(builder: Any, source: Any, sources: Any, at: Any, target: Any, targets: Any, first: Any) -> None:
        def start(starts: Any, place: Any) -> Any:
            return builder.load(builder.gep(starts, [place]))

        number = [ir.IntType(64)(row) for row in range(LANES)]
        rows = [_load(builder, source, builder.add(start(sources, row), at)) for row in number]
        for row, value in zip(number, _transposed(builder, rows), strict=True):
            _store(builder, target, start(targets, builder.add(first, row)), value)

    return _at(types.void, (source, sources, types.intp, target, targets, types.intp), emit)


@_operation
def total_of_bytes(typing: Any, source: Any, at: Any) -> Any:
    """The sum, up to 255, of source[at : at + 16] of a contiguous uint8 array; nothing watches the bounds."""

    def emit(builder: Any, data: Any, place: Any) -> Any:
        byte = ir.IntType(8)
        bytes_ = ir.VectorType(byte, LANES)
        add = get_or_insert_function(
            builder.module, ir.FunctionType(byte, [bytes_]), "llvm.vector.reduce.add.v16i8"
        )
        where = builder.bitcast(builder.gep(data, [place]), bytes_.as_pointer())
        return builder.zext(builder.call(add, [builder.load(where, align=1)]), ir.IntType(64))

    return _at(types.int64, (source, types.intp), emit)


@_operation
def magnitude(typing: Any, value: Any) -> Any:
    """|value|; of NaN NaN."""
    return _of(_LANES, (value,), _intrinsic("llvm.fabs.v16f32"))


@_operation
def root(typing: Any, value: Any) -> Any:
    """The square root; NaN below 0."""
    return _of(_LANES, (value,), _intrinsic("llvm.sqrt.v16f32"))


@_operation
def product_and_sum(typing: Any, left: Any, right: Any, more: Any) -> Any:
    """left · right + more, in one step where the processor has one."""
    return _of(_LANES, (left, right, more), _intrinsic("llvm.fmuladd.v16f32"))


@_operation
def higher(typing: Any, left: Any, right: Any) -> Any:
    """left > right ? left : right; a NaN on the left leaves the right."""
    return _of(_LANES, (left, right), lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@_operation
def lower(typing: Any, left: Any, right: Any) -> Any:
    """left < right ? left : right; a NaN on the left leaves the right."""
    return _of(_LANES, (left, right), lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))


@_operation
def pick(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Lane by lane, mask ? yes : no."""
    return _of(_LANES, (mask, yes, no), lambda b, m, x, y: b.select(m, x, y))


def _intrinsic(name: str) -> Callable[..., Any]:
    def emit(builder: Any, *values: Any) -> Any:
        form = ir.FunctionType(_FLOATS, [_FLOATS] * len(values))
        return builder.call(get_or_insert_function(builder.module, form, name), values)

    return emit


def _load(builder: Any, data: Any, at: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(data, [at]), _FLOATS.as_pointer()), align=4)


def _store(builder: Any, data: Any, at: Any, value: Any) -> None:
    builder.store(value, builder.bitcast(builder.gep(data, [at]), _FLOATS.as_pointer()), align=4)


def _infix(python: Any, kind: Any, result: Any, emit: Callable[..., Any]) -> None:
    operation = _operation(lambda typing, left, right: _of(result, (left, right), emit))

    def chosen(left: Any, right: Any) -> Any:
        if left == kind and right == kind:
            return lambda left, right: operation(left, right)
        return None

    chosen.__annotations__.clear()  # the signatures of the two must be the same to the letter
    overload(python)(chosen)


def _infixes() -> None:
    arithmetic = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
    for python, name in arithmetic.items():
        _infix(python, _LANES, _LANES, lambda b, x, y, name=name: getattr(b, name)(x, y))
    for python, sign in {operator.gt: ">", operator.ge: ">=", operator.lt: "<", operator.eq: "=="}.items():
        _infix(python, _LANES, _MASK, lambda b, x, y, sign=sign: b.fcmp_ordered(sign, x, y))
    _infix(operator.and_, _MASK, _MASK, lambda b, x, y: b.and_(x, y))


def _lanes(quarters: range, places: tuple[int, ...]) -> list[int]:
    return [quarter + place for quarter in quarters for place in places]


_ALL, _EVEN, _ODD = range(0, LANES, 4), range(0, 2 * LANES, 8), range(4, 2 * LANES, 8)
_ROUNDS = (
    (1, _lanes(_ALL, (0, 16, 1, 17)), _lanes(_ALL, (2, 18, 3, 19))),
    (2, _lanes(_ALL, (0, 1, 16, 17)), _lanes(_ALL, (2, 3, 18, 19))),
    (4, _lanes(_EVEN, (0, 1, 2, 3)), _lanes(_ODD, (0, 1, 2, 3))),
    (8, _lanes(_EVEN, (0, 1, 2, 3)), _lanes(_ODD, (0, 1, 2, 3))),
)
"""Rows so far apart are mixed by a shuffle that is cheap: singles and pairs in quarters, then quarters."""


def _rounds(rows: list[Any], mix: Callable[[Any, Any, list[int]], Any]) -> list[Any]:
    for apart, low, high in _ROUNDS:
        done = list(rows)
        for row in range(LANES):
            if not row & apart:
                pair = rows[row], rows[row + apart]
                done[row], done[row + apart] = mix(*pair, low), mix(*pair, high)
        rows = done
    return rows


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    def mix(one: Any, other: Any, lanes: list[int]) -> Any:
        return builder.shuffle_vector(one, other, ir.Constant(_WHICH, lanes))

    mixed = _rounds(rows, mix)
    return [mixed[place] for place in _PLACES]


def _places() -> list[int]:
    """Where the rounds leave each column: found by doing them to numbers."""
    numbers = [[row * LANES + n for n in range(LANES)] for row in range(LANES)]
    mixed = _rounds(numbers, lambda one, other, lanes: [(one + other)[n] for n in lanes])
    return [mixed.index([row * LANES + n for row in range(LANES)]) for n in range(LANES)]


_PLACES = _places()
_infixes()
