/* Kernels over windows of images, with one to three spatial axes: pooling and convolutions. */
#include "../images.h"

#define T npy_float
#define B npy_int32
#define X f
#define MADD MADD_f
#include "pooling.h"
#include "convolutions.h"
#undef T
#undef B
#undef X
#undef MADD

#define T npy_double
#define B npy_int64
#define X d
#define MADD MADD_d
#include "pooling.h"
#include "convolutions.h"
#undef T
#undef B
#undef X
#undef MADD

/* Rows for each number of spatial axes. S, O and K are the dimensions of images, windows and taps; an operand of one
 * byte stands for the dimensions that the other operands do not have, and the last one is the layout. */
#define EACH_RANK(ROW) ROW(1, "w", "q", "k") ROW(2, "h,w", "p,q", "j,k") ROW(3, "d,h,w", "o,p,q", "i,j,k")
#define LOOPS(name, rank) NAME(name##_##rank##_f), NAME(name##_##rank##_d)

#define WINDOW_MAX_ROW(rank, S, O, K)                                                                           \
    {"window_max_" #rank, "(n," S ",c),(" O "),(m)->(n," O ",c)", 3, 1, LOOPS(window_max, rank), "fbpf", "dbpd", \
     "The largest element of each window; the layout is lengths, strides and padding before."},
#define WINDOW_SUM_ROW(rank, S, O, K)                                                                           \
    {"window_sum_" #rank, "(n," S ",c),(" O "),(m)->(n," O ",c)", 3, 1, LOOPS(window_sum, rank), "fbpf", "dbpd", \
     "The sum of each window; the layout is lengths, strides and padding before."},
#define WINDOW_TAKE_ROW(rank, S, O, K)                                                       \
    {"window_take_equal_" #rank, "(n," S ",c),(n," S ",c),(n," O ",c),(m)->(n," O ",c)", 4, 1, \
     LOOPS(window_take_equal, rank), "fffpf", "dddpd",                                       \
     "The element of x where y is the first in its window to equal z."},
#define WINDOW_PUT_ROW(rank, S, O, K)                                                       \
    {"window_put_equal_" #rank, "(n," O ",c),(n," S ",c),(n," O ",c),(m)->(n," S ",c)", 4, 1, \
     LOOPS(window_put_equal, rank), "fffpf", "dddpd",                                       \
     "Each x, added where y is the first in its window to equal z."},
#define WINDOW_SPREAD_ROW(rank, S, O, K)                                                                              \
    {"window_spread_" #rank, "(n," O ",c),(" S "),(m)->(n," S ",c)", 3, 1, LOOPS(window_spread, rank), "fbpf", "dbpd", \
     "Each x, added to all elements of its window."},
#define CONVOLUTION_ROW(rank, S, O, K)                                                       \
    {"convolution_" #rank, "(n," S ",c),(" K ",c,f),(" O "),(m)->(n," O ",f)", 4, 1,          \
     LOOPS(convolution, rank), "ffbpf", "ddbpd",                                             \
     "Windows times a kernel; the layout is dilations, strides and padding before."},
#define CONVOLUTION_KERNEL_ROW(rank, S, O, K)                                                \
    {"convolution_kernel_" #rank, "(n," S ",c),(n," O ",f),(" K "),(m)->(" K ",c,f)", 4, 1,   \
     LOOPS(convolution_kernel, rank), "ffbpf", "ddbpd", "Windows, transposed, times a pixel for each of them."},
#define CONVOLUTION_INPUT_ROW(rank, S, O, K)                                                 \
    {"convolution_input_" #rank, "(n," O ",f),(" K ",c,f),(" S "),(m)->(n," S ",c)", 4, 1,    \
     LOOPS(convolution_input, rank), "ffbpf", "ddbpd", "Pixels times a kernel, added up where their windows lie."},

#define WINDOWS                                                                                        \
    EACH_RANK(WINDOW_MAX_ROW) EACH_RANK(WINDOW_SUM_ROW) EACH_RANK(WINDOW_TAKE_ROW)                      \
    EACH_RANK(WINDOW_PUT_ROW) EACH_RANK(WINDOW_SPREAD_ROW) EACH_RANK(CONVOLUTION_ROW)                   \
    EACH_RANK(CONVOLUTION_KERNEL_ROW) EACH_RANK(CONVOLUTION_INPUT_ROW)
