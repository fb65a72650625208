/* All kernels, built for the set of instructions that ISA names. Included once for each set; it has no guard. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, ISA)

#include "images.h"
#include "operands.h"
#include "small.h"

#include "loops/macros.h"
#include "loops/ufunc_loops.h"
#include "loops/constants.h"
#include "loops/rows.h"

#define X f
#define real npy_float
#define bits npy_int32
#define ubits npy_uint32
#include "loops/precision.h"
#undef X
#undef real
#undef bits
#undef ubits

#define X d
#define real npy_double
#define bits npy_int64
#define ubits npy_uint64
#include "loops/precision.h"
#include "loops/sines.h"
#include "loops/powers.h"

#define ROW_(name, signature, nin, nout, doc) \
    {#name, signature, nin, nout, {NAME(name##_f), NAME(name##_d)}, {NULL}, doc}
#define SINGLE(name, nin, doc) ROW_(name, NULL, nin, 1, doc)
#define OF_LABELS(name, signature, nin, nout, types_f, types_d, doc) \
    {#name, signature, nin, nout, {NAME(name##_f), NAME(name##_d)}, {types_f, types_d}, doc}
#define DOUBLE_ONLY(name, doc) {#name, NULL, 1, 1, {NULL, NAME(name##_d)}, {NULL}, doc}

/* A kernel over windows for a number of spatial axes; its types differ: an operand of one byte represents the
 * dimensions that the other operands do not have, and the last one is the layout. */
#define RANKED(name, rank, signature, nin, nout, types_f, types_d, doc) \
    {#name "_" #rank, signature, nin, nout, {NAME(name##_##rank##_f), NAME(name##_##rank##_d)}, {types_f, types_d}, doc}
/* Those of maxima: indices within windows are bytes, or in windows of more taps than those can number npy_intp. */
#define MAXIMA(suffix, I, rank, S, O)                                                                                 \
    RANKED(window_max##suffix, rank, "(n," S ",c),(" O "),(m)->(n," O ",c),(n," O ",c)", 3, 2, "fbpf" I, "dbpd" I,    \
           "The largest element of each window, and its tap; the layout is lengths, strides, padding before, behind."), \
    RANKED(window_take##suffix, rank, "(n," S ",c),(n," O ",c),(m)->(n," O ",c)", 3, 1, "f" I "pf", "d" I "pd",       \
           "The element of each window at a tap."),                                                                   \
    RANKED(window_put##suffix, rank, "(n," O ",c),(n," O ",c),(" S "),(m)->(n," S ",c)", 4, 1, "f" I "bpf",           \
           "d" I "bpd", "Each x, added at a tap of its window.")
/* S, O and K are the dimensions of images, windows and taps. */
#define WINDOWS(rank, S, O, K)                                                                                   \
    MAXIMA(, "B", rank, S, O),                                                                                   \
    MAXIMA(_wide, "p", rank, S, O),                                                                              \
    RANKED(window_sum, rank, "(n," S ",c),(" O "),(m)->(n," O ",c)", 3, 1, "fbpf", "dbpd",                       \
           "The sum of each window; the layout is lengths, strides, padding before and behind."),                        \
    RANKED(window_spread, rank, "(n," O ",c),(" S "),(m)->(n," S ",c)", 3, 1, "fbpf", "dbpd",                    \
           "Each x, added to all elements of its window."),                                                      \
    RANKED(convolution, rank, "(n," S ",c),(" K ",c,f),(" O "),(m)->(n," O ",f)", 4, 1, "ffbpf", "ddbpd",        \
           "Windows times a kernel; the layout is dilations, strides, padding before and behind."),                      \
    RANKED(convolution_kernel, rank, "(n," S ",c),(n," O ",f),(" K "),(m)->(" K ",c,f)", 4, 1, "ffbpf", "ddbpd", \
           "Windows, transposed, times a pixel for each of them."),                                              \
    RANKED(convolution_input, rank, "(n," O ",f),(" K ",c,f),(" S "),(m)->(n," S ",c)", 4, 1, "ffbpf", "ddbpd",  \
           "Pixels times a kernel, added up where their windows lie.")

const Kernel NAME(kernels)[] = {
    SINGLE(exp, 1, "The exponential function; 1 ulp."),
    SINGLE(expm1, 1, "exp(x) - 1; 2 ulp."),
    SINGLE(tanh, 1, "The hyperbolic tangent; 3 ulp."),
    SINGLE(log, 1, "The natural logarithm; 1 ulp."),
    SINGLE(log1p, 1, "log(1 + x); 2 ulp."),
    DOUBLE_ONLY(sin, "The sine; 1 ulp."),
    DOUBLE_ONLY(cos, "The cosine; 1 ulp."),
    SINGLE(power, 2, "x to the power of y; 1 ulp where 2 y is a whole number up to 256."),
    SINGLE(erf, 1, "The error function; 2 ulp."),
    SINGLE(erfc, 1, "The complement of the error function; 4 ulp."),

    SINGLE(sigmoid, 1, "1 / (1 + exp(-x))."),
    SINGLE(softplus, 1, "log(1 + exp(x))."),
    SINGLE(silu, 1, "x sigmoid(x)."),
    SINGLE(silu_slope, 1, "The derivative of x sigmoid(x)."),
    SINGLE(silu_pullback, 2, "The derivative of silu at x, times y."),
    SINGLE(mish, 1, "x tanh(softplus(x))."),
    SINGLE(gelu, 1, "x Phi(x), Phi the normal distribution function."),
    SINGLE(gelu_slope, 1, "The derivative of x Phi(x)."),
    SINGLE(gelu_pullback, 2, "The derivative of gelu at x, times y."),
    SINGLE(tanh_pullback, 2, "x - x y y."),
    SINGLE(sigmoid_pullback, 2, "x (y (1 - y))."),
    SINGLE(relu, 1, "The larger of x and 0."),
    SINGLE(below, 2, "x - y where y is a maximum, which may be infinite."),

    ROW_(softmax, "(n)->(n)", 1, 1, "exp(x) over its sum."),
    ROW_(softmax_pullback, "(n),(n)->(n)", 2, 1, "y (x - <x, y>)."),
    ROW_(log_softmax, "(n)->(n)", 1, 1, "x - logsumexp(x)."),
    ROW_(log_softmax_pullback, "(n),(n)->(n)", 2, 1, "x - exp(y) sum(x)."),
    ROW_(logsumexp, "(n)->()", 1, 1, "The logarithm of the sum of exp(x)."),
    OF_LABELS(cross_entropy, "(n),()->(),(),()", 2, 3, "fpfff", "dpddd",
              "logsumexp(x) - x at a label, the maximum m of x, and logsumexp(x - m)."),
    OF_LABELS(cross_entropy_pullback, "(),(n),(),(),()->(n)", 5, 1, "ffpfff", "ddpddd",
              "x times softmax(y), less 1 at a label z, of the last two results of cross_entropy."),
    ROW_(standardize, "(n),(),()->(n)", 3, 1,
         "(x - m) / sqrt(mean((x - m)^2) + y), where m is the mean, or 0 if z is 0."),
    ROW_(standardize_pullback, "(n),(n),(),()->(n)", 4, 1,
         "The derivative of standardize at the second operand, applied to the first."),
    ROW_(sum_of_rows, "(m,n)->(n)", 1, 1, "The sum over m."),

    ROW_(solve, "(n,n),(n,p)->(n,p)", 2, 1, "z with x @ z = y, where x is triangular; in a copy of NumPy's any x."),
    ROW_(solve1, "(n,n),(n)->(n)", 2, 1, "The same for a vector y."),
    ROW_(rotate, "(n),(n),(n),(n)->(n),(n)", 4, 2, "x z - y u and y z + x u."),

    WINDOWS(1, "w", "q", "k"),
    WINDOWS(2, "h,w", "p,q", "j,k"),
    WINDOWS(3, "d,h,w", "o,p,q", "i,j,k"),

    ROW_(lstm_cell, "(4,n),(4,n),(4,n),(n)->(n),(n),(4,n)", 4, 3,
         "h, c, and i, f, g, o of z, b, the product with R, and c before."),
    ROW_(lstm_cell_pullback, "(4,n),(n),(n),(n),(n),(n),(n)->(4,n),(n)", 7, 2,
         "The cotangents of z and of c before; of i, f, g, o, of c, the cotangents of h and c, c before, dh and dc."),
    ROW_(gru_cell, "(3,n),(3,n),(4,n),(n)->(n),(4,n)", 4, 2,
         "h, and u, r, n, q of z, the product with R, the biases, and h before."),
    ROW_(gru_cell_pullback, "(4,n),(n),(n),(n)->(3,n),(3,n),(n)", 4, 3,
         "The cotangents of z, of the product with R, and of h before; of u, r, n, q, the cotangent of h, h before "
         "and dh."),

    ROW_(small_product, "(m,k),(k,n)->(m,n)", 2, 1, "x @ y, for at most 16 rows and columns."),

    SINGLE(running_mean, 3, "(y - x) * z + x."),
    SINGLE(running_mean_square, 3, "(y * y - x) * z + x."),
    SINGLE(over_root, 5, "x / (sqrt(y + z) + u) * v."),
    {.name = NULL},
};
