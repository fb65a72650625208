"""Hashes of bytes that are the same on every machine, of 64 bits.

`farm` is the one that Keras takes for strings, `sip` the one that it takes with a salt.
"""

from __future__ import annotations

from struct import unpack_from

_ALL = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def farm(data: bytes) -> int:
    """Return FarmHash's Fingerprint64 of bytes.

    References:
        Pike, Alakuijala: Introducing FarmHash, 2014; its variant `farmhashna`.

    Example:
        >>> farm(b"3true") == -4880158226897771312 % 2**64
        True
    """
    n = len(data)
    if n <= 16:
        return _up_to_16(data, n)
    mul = (_K2 + 2 * n) & _ALL
    if n <= 32:
        a, b, c, d = _at(data, 0) * _K1, _at(data, 8), _at(data, n - 8) * mul, _at(data, n - 16) * _K2
        return _mix(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, mul)
    if n <= 64:
        a, b, c, d = _at(data, 0) * _K2, _at(data, 8), _at(data, n - 8) * mul, _at(data, n - 16) * _K2
        y = _rotate(a + b, 43) + _rotate(c, 30) + d
        z = _mix(y, a + _rotate(b + _K2, 18) + c, mul)
        e, f = _at(data, 16) * mul, _at(data, 24)
        g, h = (y + _at(data, n - 32)) * mul, (z + _at(data, n - 24)) * mul
        return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)
    return _longer(data, n)


def _up_to_16(data: bytes, n: int) -> int:
    mul = (_K2 + 2 * n) & _ALL
    if n >= 8:
        a, b = _at(data, 0) + _K2, _at(data, n - 8)
        return _mix(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)
    if n >= 4:
        first, last = unpack_from("<I", data)[0], unpack_from("<I", data, n - 4)[0]
        return _mix(n + 8 * first, last, mul)
    if n:
        y, z = data[0] + 256 * data[n // 2], n + 4 * data[-1]
        return _fold((y * _K2 ^ z * _K0) & _ALL) * _K2 & _ALL
    return _K2


def _longer(data: bytes, n: int) -> int:
    """Return the hash of more than 64 bytes: 56 bytes of state go over blocks of 64, and over the last 64 bytes."""
    x = 81 * _K2 + _at(data, 0)
    y = 81 * _K1 + 113
    z = _fold((y * _K2 + 113) & _ALL) * _K2
    v, w = (0, 0), (0, 0)
    for at in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = _block(data, at, (x, y, z, v, w), _K1, 1)
    mul = _K1 + 2 * (z & 255)
    w = (w[0] + (n - 1) % 64, w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _block(data, n - 64, (x, y, z, v, w), mul, 9)
    low = _mix(v[0], w[0], mul) + _fold(y & _ALL) * _K0 + z
    return _mix(low, _mix(v[1], w[1], mul) + x, mul)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _block(data: bytes, at: int, state: _State, mul: int, weight: int) -> _State:
    x, y, z, v, w = state
    x = _rotate(x + y + v[0] + _at(data, at + 8), 37) * mul
    y = _rotate(y + v[1] + _at(data, at + 48), 42) * mul
    x = (x ^ w[1] * weight) & _ALL
    y = (y + v[0] * weight + _at(data, at + 40)) & _ALL
    z = _rotate(z + w[0], 33) * mul & _ALL
    v = _weak(data, at, v[1] * mul, x + w[0])
    w = _weak(data, at + 32, z + w[1], y + _at(data, at + 16))
    return z, y, x, v, w


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    first, second, third, fourth = (_at(data, at + 8 * i) for i in range(4))
    a += first
    b = _rotate(b + a + fourth, 21)
    before, a = a, a + second + third
    return (a + fourth) & _ALL, (b + _rotate(a, 44) + before) & _ALL


def _at(data: bytes, at: int) -> int:
    return int(unpack_from("<Q", data, at)[0])


def _rotate(x: int, bits: int) -> int:
    x &= _ALL
    return x >> bits | x << (64 - bits) & _ALL


def _fold(x: int) -> int:
    return x ^ x >> 47


def _mix(u: int, v: int, mul: int) -> int:
    a = _fold((u ^ v) * mul & _ALL)
    b = _fold((v ^ a) * mul & _ALL)
    return b * mul & _ALL


def sip(data: bytes, key: tuple[int, int]) -> int:
    """Return SipHash-2-4 of bytes with a key of two 64-bit integers.

    References:
        Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012, section 2.2 and appendix A.

    Example:
        >>> hex(sip(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)))
        '0xa129ca6149be45e5'
    """
    k0, k1 = (part & _ALL for part in key)
    v = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    for at in range(0, len(padded), 8):
        m = _at(padded, at)
        v = _rounds((v[0], v[1], v[2], v[3] ^ m), 2)
        v = (v[0] ^ m, *v[1:])
    v = _rounds((v[0], v[1], v[2] ^ 255, v[3]), 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rounds(v: tuple[int, int, int, int], count: int) -> tuple[int, int, int, int]:
    a, b, c, d = v
    for _ in range(count):
        a, c = (a + b) & _ALL, (c + d) & _ALL
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a, c = (_rotate(a, 32) + d) & _ALL, (c + b) & _ALL
        b, d = _rotate(b, 47) ^ c, _rotate(d, 43) ^ a
        c = _rotate(c, 32)
    return a, b, c, d


def cross(parts: list[int]) -> int:
    """Return one hash of several, in order, as TensorFlow crosses features."""
    mul, code = 0xC6A4A7935BD1E995, 0xDECAFCAFFE
    for part in parts:
        code ^= mul ^ _fold(part * mul & _ALL) * mul & _ALL
        code = _fold(code * mul & _ALL) * mul & _ALL
        code = _fold(code)
    return code
