"""How wide a text will be in a picture, without any font at hand."""

from __future__ import annotations

# In thousandths of the font size, from space to tilde: of each character the wider of Helvetica's (which Arial and
# Liberation Sans share) and DejaVu Sans's advance, so that a box is wide enough whichever of them is installed.
_REGULAR = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863,
    748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
)  # fmt: skip
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 556, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 556, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838,
)  # fmt: skip
# Bounds for the signs that glyphs use, for the letters of Latin and Greek, and a guess for all others.
_SIGNS, _SIGN, _LETTER, _OTHER = "−×÷²≠≤≥…→↑↓∇·ʸᵀ", 1000, 1200, 1300


def fits_table(text: str) -> bool:
    """Return whether the width of every character is known, so that `text_width` is a bound."""
    return text.isascii() or all(c < "\u0180" or "\u0370" <= c < "\u0400" or c in _SIGNS for c in text)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return how wide a text is set at most, in the unit of the font size."""
    table = _BOLD if bold else _REGULAR
    units = 0
    for c in text:
        code = ord(c) - 32
        if 0 <= code < 95:
            units += table[code]
        else:
            units += _SIGN if c in _SIGNS else _LETTER if c < "\u3000" else _OTHER
    return units * size / 1000
