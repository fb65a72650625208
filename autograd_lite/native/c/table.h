/* All kernels, built for the set of instructions that ISA names. Included once for each set; it has no guard. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, ISA)

#ifdef HAS_FMA
#define MADD_f(a, b, c) __builtin_fmaf(a, b, c)
#define MADD_d(a, b, c) __builtin_fma(a, b, c)
#else
#define MADD_f(a, b, c) ((a) * (b) + (c))
#define MADD_d(a, b, c) ((a) * (b) + (c))
#endif

#include "elementwise.h"
#include "loops/macros.h"

#include "loops/elementary.h"
#include "loops/activations.h"
#include "loops/rows.h"
#include "loops/windows.h"
#include "loops/gates.h"
#include "loops/updates.h"

const Kernel NAME(kernels)[] = {
    ELEMENTARY ACTIVATIONS ROWS WINDOWS GATES UPDATES
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};
