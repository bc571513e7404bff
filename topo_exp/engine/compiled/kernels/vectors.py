"""Instructions on vectors of four or eight float32 numbers, which numba does not write by itself."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from topo_exp.engine.compiled.kernels.jit import Codegen
from topo_exp.engine.compiled.kernels.table import TOGETHER


def _vector(width: int) -> Any:
    return ir.VectorType(ir.FloatType(), width)


def _at(builder: Any, address: Any, width: int) -> Any:
    return builder.inttoptr(address, _vector(width).as_pointer())


def _splat(builder: Any, x: Any, width: int) -> Any:
    vector = ir.VectorType(x.type, width)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width))


def _lanes_of(builder: Any, lanes: Any, member: int, width: int) -> Any:
    """Return the mask of one member's weights in a vector, from an entry of LANES."""
    bits = [1 << (8 * member + lane) for lane in range(width)]
    vector = ir.VectorType(lanes.type, width)
    mask = builder.and_(_splat(builder, lanes, width), ir.Constant(vector, bits))
    return builder.icmp_unsigned("!=", mask, ir.Constant(vector, [0] * width))


def _sum_of_products(builder: Any, weights: Any, x: Sequence[Any]) -> Any:
    """Return the sum of w x over weights and activities in their order, rounded after each multiply-add.

    The first product is rounded by itself, so that members of activity zero, if any, change no bit.
    """
    total = None
    for values, activity in zip(weights, x, strict=True):
        factor = _splat(builder, activity, values.type.count)
        if total is None:
            total = builder.fmul(values, factor)
        else:
            total = builder.fadd(total, builder.fmul(values, factor, flags=["contract"]), flags=["contract"])
    return total


def add_products(width: int, count: int, *, double: bool) -> Any:
    """Return a function that adds the products of one vector's weights with `count` members' activities."""

    @intrinsic
    def add(typing: Any, y: int, weights: int, members: tuple[int, ...], x: tuple[float, ...]) -> Codegen:
        """Add the sum of weights[m, :width] x_m over members m to y[:width]; y and weights are addresses."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            size = ir.Constant(ir.IntType(64), 4 * width)
            places = [builder.add(args[1], builder.mul(m, size)) for m in cgutils.unpack_tuple(builder, args[2])]
            values = [builder.load(_at(builder, place, width), align=4) for place in places]
            x, to = cgutils.unpack_tuple(builder, args[3]), _at(builder, args[0], width)
            if double:
                doubles = ir.VectorType(ir.DoubleType(), width)
                values = [builder.fpext(value, doubles) for value in values]
                x = [builder.fpext(activity, ir.DoubleType()) for activity in x]
                to = builder.inttoptr(args[0], doubles.as_pointer())
            total = _sum_of_products(builder, values, x)
            builder.store(builder.fadd(builder.load(to, align=4), total), to, align=4)
            return context.get_dummy_value()

        pair = types.UniTuple(types.int64, count), types.UniTuple(types.float32, count)
        return types.void(types.int64, types.int64, *pair), codegen

    return add


def _add_products_together(width: int) -> Any:
    """Return a function that adds the products of one vector's weights to the responses of several presentations."""

    @intrinsic
    def add(typing: Any, y: int, stride: int, weights: int, x: tuple[float, ...]) -> Codegen:
        """Add the sum of weights[m, :width] x[p, m] over members m to y[p, :width], rows `stride` bytes apart."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places = [builder.add(args[2], ir.Constant(ir.IntType(64), 4 * width * m)) for m in range(4)]
            values = [builder.load(_at(builder, place, width), align=4) for place in places]
            x, row = cgutils.unpack_tuple(builder, args[3]), args[0]
            for p in range(TOGETHER):
                to = _at(builder, row, width)
                total = _sum_of_products(builder, values, x[4 * p : 4 * p + 4])
                builder.store(builder.fadd(builder.load(to, align=4), total), to, align=4)
                row = builder.add(row, args[1])
            return context.get_dummy_value()

        quads = types.UniTuple(types.float32, 4 * TOGETHER)
        return types.void(types.int64, types.int64, types.int64, quads), codegen

    return add


def _learn_vector(width: int) -> Any:
    """Return a function that changes the weights of one vector of a quad."""

    @intrinsic
    def learn(typing: Any, weights: int, gate: int, sums: int, x: tuple[float, ...], lanes: int) -> Codegen:
        """Add gate[n] x_m to weights[m, n] and x_m to sums[n], for the lanes n of each member m."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            gate, to_sum = builder.load(_at(builder, args[1], width), align=4), _at(builder, args[2], width)
            total = builder.load(to_sum, align=4)
            none = ir.Constant(_vector(width), [0.0] * width)
            for member, activity in enumerate(cgutils.unpack_tuple(builder, args[3])):
                address = builder.add(args[0], ir.Constant(ir.IntType(64), 4 * width * member))
                to = _at(builder, address, width)
                x = builder.select(_lanes_of(builder, args[4], member, width), _splat(builder, activity, width), none)
                product = builder.fmul(gate, x, flags=["contract"])
                builder.store(builder.fadd(builder.load(to, align=4), product, flags=["contract"]), to, align=4)
                total = builder.fadd(total, x)
            builder.store(total, to_sum, align=4)
            return context.get_dummy_value()

        quad = types.UniTuple(types.float32, 4)
        return types.void(types.int64, types.int64, types.int64, quad, types.int32), codegen

    return learn


def _approach_vector(width: int) -> Any:
    """Return a function that moves the weights of one vector of a quad towards a value of each unit."""

    @intrinsic
    def approach(
        typing: Any, weights: int, gate: int, decay: int, sums: int, x: tuple[float, ...], lanes: int
    ) -> Codegen:
        """Add c = x_m (gate[n] - decay[n] weights[m, n]) to weights[m, n] and to sums[n], for the lanes n of each m."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            gate, decay, to_sum = (_at(builder, address, width) for address in (args[1], args[2], args[3]))
            gate, decay, total = (builder.load(place, align=4) for place in (gate, decay, to_sum))
            none = ir.Constant(_vector(width), [0.0] * width)
            for member, activity in enumerate(cgutils.unpack_tuple(builder, args[4])):
                address = builder.add(args[0], ir.Constant(ir.IntType(64), 4 * width * member))
                to = _at(builder, address, width)
                x = builder.select(_lanes_of(builder, args[5], member, width), _splat(builder, activity, width), none)
                before = builder.load(to, align=4)
                change = builder.fmul(x, builder.fsub(gate, builder.fmul(decay, before)))
                builder.store(builder.fadd(before, change), to, align=4)
                total = builder.fadd(total, change)
            builder.store(total, to_sum, align=4)
            return context.get_dummy_value()

        quad = types.UniTuple(types.float32, 4)
        return types.void(types.int64, types.int64, types.int64, types.int64, quad, types.int32), codegen

    return approach


def _nonzero_vector(width: int) -> Any:
    """Return a function that compares the numbers of one vector with zero."""

    @intrinsic
    def nonzero(typing: Any, x: int) -> Codegen:
        """Return bits of which the n-th is set if x[n] is not zero, as NaN is not; x is an address."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = builder.load(_at(builder, args[0], width), align=4)
            bits = builder.fcmp_unordered("!=", values, ir.Constant(_vector(width), [0.0] * width))
            return builder.zext(builder.bitcast(bits, ir.IntType(width)), ir.IntType(64))

        return types.int64(types.int64), codegen

    return nonzero


together8, together4 = _add_products_together(8), _add_products_together(4)
learn8, learn4 = _learn_vector(8), _learn_vector(4)
approach8, approach4 = _approach_vector(8), _approach_vector(4)
nonzero8 = _nonzero_vector(8)


@intrinsic
def lowest_bit(typing: Any, bits: int) -> Codegen:
    """Return the position of the lowest bit that is set; `bits` must not be zero."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen
