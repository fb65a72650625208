"""The ufuncs of `scipy.special` that Tensors refuse, and why."""

from __future__ import annotations

_COMPLEX = "its result is complex for real arguments"
_MATHIEU = "the derivatives of Mathieu functions by their parameters are not known in closed form"
_SPHEROIDAL = "the derivatives of spheroidal functions by their parameters are not known in closed form"
_NONCENTRAL = "a density of the noncentral t distribution without a loss of digits is not known in closed form"
_OF_DEGREES = "the derivative of a noncentral distribution by its degrees of freedom is not known in closed form"

_NAMES = ("ang1", "ang1_cv", "cv", "rad1", "rad1_cv", "rad2", "rad2_cv")
_OF_COMPLEX = ("hankel1", "hankel1e", "hankel2", "hankel2e", "kelvin", "modfresnelm", "modfresnelp", "wofz")

REFUSED: dict[str, str] = {
    **dict.fromkeys(_OF_COMPLEX, _COMPLEX),
    **dict.fromkeys(["mathieu_a", "mathieu_b", "mathieu_cem", "mathieu_sem"], _MATHIEU),
    **dict.fromkeys([f"mathieu_mod{kind}em{i}" for kind in "cs" for i in (1, 2)], _MATHIEU),
    **dict.fromkeys([f"{kind}_{name}" for kind in ("obl", "pro") for name in _NAMES], _SPHEROIDAL),
    **dict.fromkeys(["nctdtr", "nctdtridf", "nctdtrinc", "nctdtrit"], _NONCENTRAL),
    **dict.fromkeys(["chndtridf", "ncfdtridfd", "ncfdtridfn"], _OF_DEGREES),
    **dict.fromkeys(["smirnov", "smirnovi"], "its derivative is a sum of as many terms as its first argument says"),
    "ncfdtrinc": "SciPy's own value has four digits",
}
