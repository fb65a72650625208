/* Algebra of small matrices, of at most AL_MOST rows and columns: the kernels and the code that is made for a function
 * include it, so that both give the same bits. It needs no header of Python or NumPy.
 *
 * Operands have any strides, in bytes, that of rows first; they become constants where those who call have constants. Each
 * element is computed in one order, without products that are fused with sums: the bits are the same on all processors,
 * however long their vectors are. A result may have the place of an operand, except a product. What returns an int returns
 * whether the operands were invalid; then there is no result. */
#ifndef AL_REAL
#ifndef AUTOGRAD_LITE_SMALL_H
#define AUTOGRAD_LITE_SMALL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { AL_MOST = 16 };

#define AL_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define AL_UNROLL _Pragma("clang loop unroll(full)")
#define AL_SHORT
#else
#define AL_UNROLL _Pragma("GCC unroll 16")
#define AL_SHORT _Pragma("GCC unroll 4") /* whole where they are few */
#endif
#if defined(__AVX512F__)
#define AL_BLOCK 4 /* rows of a product at a time */
#else
#define AL_BLOCK 1
#endif

#define AL_REAL float
#define AL_ROOT sqrtf
#define AL_LOG logf
#define AL(name) name##_f
#include "small.h"
#define AL_REAL double
#define AL_ROOT sqrt
#define AL_LOG log
#define AL(name) name##_d
#include "small.h"

#endif
#else /* what follows is there once for each precision */

#define AL_AT(x, place) (*(AL_REAL *)((x) + (place)))
#define AL_FROM(x, place) (*(const AL_REAL *)((x) + (place)))
#define AL_SIZE ((intptr_t)sizeof(AL_REAL))
typedef AL_REAL AL(al_matrix)[AL_MOST][AL_MOST];

/* Rows of a product with a matrix of which rows lie together, as those of the result do. Their sums, side by side, are
 * vectors; the last one begins earlier than it would where it has to, and computes some elements again. */
#define AL_ROWS(lanes)                                                                                                \
    typedef AL_REAL AL(al_vector_##lanes)                                                                             \
        __attribute__((vector_size(lanes * sizeof(AL_REAL)), aligned(sizeof(AL_REAL)), may_alias));                   \
    AL_INLINE void AL(al_rows_##lanes)(const int rows, const char *a, const char *b, char *c, intptr_t k, intptr_t n, \
                                       intptr_t a_row, intptr_t a_column, intptr_t b_row, intptr_t c_row) {           \
        const intptr_t vectors = (n + lanes - 1) / lanes;                                                             \
        AL(al_vector_##lanes) sum[AL_BLOCK][AL_MOST / lanes];                                                         \
        AL_UNROLL for (int r = 0; r < rows; r++) {                                                                    \
            AL_UNROLL for (intptr_t v = 0; v < vectors; v++) {                                                        \
                sum[r][v] = (AL(al_vector_##lanes)){0};                                                               \
            }                                                                                                         \
        }                                                                                                             \
        for (intptr_t t = 0; t < k; t++, a += a_column, b += b_row) {                                                 \
            AL_UNROLL for (int r = 0; r < rows; r++) {                                                                \
                AL_UNROLL for (intptr_t v = 0; v < vectors; v++) {                                                    \
                    const intptr_t at = (v + 1) * lanes < n ? v * lanes : n - lanes;                                  \
                    sum[r][v] += AL_FROM(a, r * a_row) * *(const AL(al_vector_##lanes) *)(b + at * AL_SIZE);          \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        AL_UNROLL for (int r = 0; r < rows; r++, c += c_row) {                                                        \
            AL_UNROLL for (intptr_t v = 0; v < vectors; v++) {                                                        \
                const intptr_t at = (v + 1) * lanes < n ? v * lanes : n - lanes;                                      \
                *(AL(al_vector_##lanes) *)(c + at * AL_SIZE) = sum[r][v];                                             \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    AL_INLINE void AL(al_all_rows_##lanes)(const char *a, const char *b, char *c, intptr_t m, intptr_t k, intptr_t n, \
                                           intptr_t a_row, intptr_t a_column, intptr_t b_row, intptr_t c_row) {       \
        for (; AL_BLOCK > 1 && m >= AL_BLOCK; m -= AL_BLOCK, a += AL_BLOCK * a_row, c += AL_BLOCK * c_row) {          \
            AL(al_rows_##lanes)(AL_BLOCK, a, b, c, k, n, a_row, a_column, b_row, c_row);                              \
        }                                                                                                             \
        for (; m > 0; m--, a += a_row, c += c_row) {                                                                  \
            AL(al_rows_##lanes)(1, a, b, c, k, n, a_row, a_column, b_row, c_row);                                     \
        }                                                                                                             \
    }
AL_ROWS(4)
AL_ROWS(8)
#undef AL_ROWS

/* The same for 4 columns or more, whose number should be a constant, and at most AL_MOST. */
AL_INLINE void AL(al_side_by_side)(const char *a, const char *b, char *c, intptr_t m, intptr_t k, intptr_t n,
                                   intptr_t a_row, intptr_t a_column, intptr_t b_row, intptr_t c_row) {
    if (n >= 8 && n != 12) {
        AL(al_all_rows_8)(a, b, c, m, k, n, a_row, a_column, b_row, c_row);
    } else {
        AL(al_all_rows_4)(a, b, c, m, k, n, a_row, a_column, b_row, c_row);
    }
}

/* Some columns of one row of a product, of any strides. */
AL_INLINE void AL(al_sums)(const int columns, const char *a, const char *b, char *c, intptr_t k, intptr_t a_column,
                           intptr_t b_row, intptr_t b_column, intptr_t c_column) {
    AL_REAL sum[8];
    AL_UNROLL for (int j = 0; j < columns; j++) {
        sum[j] = 0;
    }
    for (intptr_t t = 0; t < k; t++, a += a_column, b += b_row) {
        AL_UNROLL for (int j = 0; j < columns; j++) {
            sum[j] += AL_FROM(a, 0) * AL_FROM(b, j * b_column);
        }
    }
    AL_UNROLL for (int j = 0; j < columns; j++) {
        AL_AT(c, j * c_column) = sum[j];
    }
}

/* c = a @ b of any strides and sizes. */
AL_INLINE void AL(al_apart)(const char *a, const char *b, char *c, intptr_t m, intptr_t k, intptr_t n, intptr_t a_row,
                            intptr_t a_column, intptr_t b_row, intptr_t b_column, intptr_t c_row, intptr_t c_column) {
    for (intptr_t i = 0; i < m; i++, a += a_row, c += c_row) {
        intptr_t j = 0;
        for (; j + 8 <= n; j += 8) {
            AL(al_sums)(8, a, b + j * b_column, c + j * c_column, k, a_column, b_row, b_column, c_column);
        }
        if (n % 8 >= 4) {
            AL(al_sums)(4, a, b + j * b_column, c + j * c_column, k, a_column, b_row, b_column, c_column);
            j += 4;
        }
        if (n % 4 >= 2) {
            AL(al_sums)(2, a, b + j * b_column, c + j * c_column, k, a_column, b_row, b_column, c_column);
            j += 2;
        }
        if (n % 2) {
            AL(al_sums)(1, a, b + j * b_column, c + j * c_column, k, a_column, b_row, b_column, c_column);
        }
    }
}

/* Copy a matrix of any strides to one of others. */
AL_INLINE void AL(al_copy)(const char *a, char *c, intptr_t n, intptr_t p, intptr_t a_row, intptr_t a_column,
                           intptr_t c_row, intptr_t c_column) {
    AL_SHORT for (intptr_t i = 0; i < n; i++) {
        for (intptr_t j = 0; j < p; j++) {
            AL_AT(c, i * c_row + j * c_column) = AL_FROM(a, i * a_row + j * a_column);
        }
    }
}

/* c = a @ b for at most AL_MOST rows and columns, the numbers of which should be constants. */
AL_INLINE void AL(al_matmul)(const char *a, const char *b, char *c, intptr_t m, intptr_t k, intptr_t n, intptr_t a_row,
                             intptr_t a_column, intptr_t b_row, intptr_t b_column, intptr_t c_row, intptr_t c_column) {
    AL(al_matrix) together;
    if (n == 1) { /* c.T = b.T @ a.T */
        if (a_row == AL_SIZE && c_row == AL_SIZE && m >= 4) {
            AL(al_side_by_side)(b, a, c, 1, k, m, 0, b_row, a_column, 0);
        } else {
            AL(al_apart)(b, a, c, 1, k, m, 0, b_row, a_column, a_row, 0, c_row);
        }
    } else if (n < 4 || c_column != AL_SIZE || (m == 1 && b_column != AL_SIZE)) {
        AL(al_apart)(a, b, c, m, k, n, a_row, a_column, b_row, b_column, c_row, c_column);
    } else {
        if (b_column != AL_SIZE) {
            AL(al_copy)(b, (char *)together, k, n, b_row, b_column, sizeof *together, AL_SIZE);
            b = (const char *)together;
            b_row = sizeof *together;
        }
        AL(al_side_by_side)(a, b, c, m, k, n, a_row, a_column, b_row, c_row);
    }
}

/* c, lower triangular, with c @ c.T = a, whose upper triangle is not read. */
AL_INLINE int AL(al_cholesky)(const char *a, char *c, intptr_t n, intptr_t a_row, intptr_t a_column, intptr_t c_row,
                              intptr_t c_column) {
    AL(al_matrix) x = {{0}}; /* column by column */
    AL_SHORT for (intptr_t t = 0; t < n; t++) {
        AL_SHORT for (intptr_t i = t; i < n; i++) {
            x[t][i] = AL_FROM(a, i * a_row + t * a_column);
        }
    }
    AL_SHORT for (intptr_t t = 0; t < n; t++) {
        if (__builtin_islessequal(x[t][t], 0)) { /* as LAPACK has it: NaN goes on */
            return 1;
        }
        x[t][t] = AL_ROOT(x[t][t]);
        AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
            x[t][i] /= x[t][t];
        }
        AL_SHORT for (intptr_t j = t + 1; j < n; j++) {
            AL_SHORT for (intptr_t i = j; i < n; i++) {
                x[j][i] -= x[t][i] * x[t][j];
            }
        }
    }
    AL(al_copy)((const char *)x, c, n, n, AL_SIZE, sizeof *x, c_row, c_column);
    return 0;
}

/* c with a @ c = b, where a is lower triangular: its upper triangle is not read. */
AL_INLINE int AL(al_solve_triangular)(const char *a, const char *b, char *c, intptr_t n, intptr_t p, intptr_t a_row,
                                      intptr_t a_column, intptr_t b_row, intptr_t b_column, intptr_t c_row,
                                      intptr_t c_column) {
    AL(al_matrix) x;
    AL_SHORT for (intptr_t t = 0; t < n; t++) {
        if (AL_FROM(a, t * (a_row + a_column)) == 0) {
            return 1;
        }
    }
    for (intptr_t w; p > 0; p -= w, b += w * b_column, c += w * c_column) {
        w = p < AL_MOST ? p : AL_MOST;
        AL(al_copy)(b, (char *)x, n, w, b_row, b_column, sizeof *x, AL_SIZE);
        AL_SHORT for (intptr_t t = 0; t < n; t++) {
            for (intptr_t j = 0; j < w; j++) {
                x[t][j] /= AL_FROM(a, t * (a_row + a_column));
            }
            AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
                for (intptr_t j = 0; j < w; j++) {
                    x[i][j] -= AL_FROM(a, i * a_row + t * a_column) * x[t][j];
                }
            }
        }
        AL(al_copy)((const char *)x, c, n, w, sizeof *x, AL_SIZE, c_row, c_column);
    }
    return 0;
}

AL_INLINE void AL(al_swap)(AL(al_matrix) x, intptr_t t, intptr_t with, intptr_t n, intptr_t p) {
    AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
        for (intptr_t j = 0; j < (with == i ? p : 0); j++) {
            const AL_REAL before = x[t][j];
            x[t][j] = x[i][j];
            x[i][j] = before;
        }
    }
}

/* The triangles that elimination with the largest pivots leaves of a, and the row that took each pivot's place. Return how
 * often rows changed places, or -1 if a pivot is 0. */
AL_INLINE int AL(al_eliminate)(const char *a, AL(al_matrix) x, intptr_t *pivots, intptr_t n, intptr_t a_row,
                               intptr_t a_column) {
    int changes = 0;
    AL(al_copy)(a, (char *)x, n, n, a_row, a_column, sizeof *x, AL_SIZE);
    AL_SHORT for (intptr_t t = 0; t < n; t++) {
        AL_REAL most = x[t][t] < 0 ? -x[t][t] : x[t][t];
        pivots[t] = t;
        AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
            const AL_REAL other = x[i][t] < 0 ? -x[i][t] : x[i][t];
            pivots[t] = other > most ? i : pivots[t];
            most = other > most ? other : most;
        }
        if (most == 0) {
            return -1;
        }
        changes += pivots[t] != t;
        AL(al_swap)(x, t, pivots[t], n, n);
        AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
            x[i][t] /= x[t][t];
            AL_SHORT for (intptr_t j = t + 1; j < n; j++) {
                x[i][j] -= x[i][t] * x[t][j];
            }
        }
    }
    return changes;
}

/* c with a @ c = b. */
AL_INLINE int AL(al_solve)(const char *a, const char *b, char *c, intptr_t n, intptr_t p, intptr_t a_row,
                           intptr_t a_column, intptr_t b_row, intptr_t b_column, intptr_t c_row, intptr_t c_column) {
    AL(al_matrix) u, x;
    intptr_t pivots[AL_MOST];
    if (AL(al_eliminate)(a, u, pivots, n, a_row, a_column) < 0) {
        return 1;
    }
    for (intptr_t w; p > 0; p -= w, b += w * b_column, c += w * c_column) {
        w = p < AL_MOST ? p : AL_MOST;
        AL(al_copy)(b, (char *)x, n, w, b_row, b_column, sizeof *x, AL_SIZE);
        AL_SHORT for (intptr_t t = 0; t < n; t++) {
            AL(al_swap)(x, t, pivots[t], n, w);
        }
        AL_SHORT for (intptr_t t = 0; t < n; t++) {
            AL_SHORT for (intptr_t i = t + 1; i < n; i++) {
                for (intptr_t j = 0; j < w; j++) {
                    x[i][j] -= u[i][t] * x[t][j];
                }
            }
        }
        AL_SHORT for (intptr_t t = n - 1; t >= 0; t--) {
            for (intptr_t j = 0; j < w; j++) {
                x[t][j] /= u[t][t];
            }
            AL_SHORT for (intptr_t i = 0; i < t; i++) {
                for (intptr_t j = 0; j < w; j++) {
                    x[i][j] -= u[i][t] * x[t][j];
                }
            }
        }
        AL(al_copy)((const char *)x, c, n, w, sizeof *x, AL_SIZE, c_row, c_column);
    }
    return 0;
}

/* The sign of a's determinant, and the logarithm of its absolute value. */
AL_INLINE void AL(al_slogdet)(const char *a, char *sign, char *size, intptr_t n, intptr_t a_row, intptr_t a_column) {
    AL(al_matrix) u;
    intptr_t pivots[AL_MOST];
    const int changes = AL(al_eliminate)(a, u, pivots, n, a_row, a_column);
    AL_REAL of_sign = changes < 0 ? 0 : changes % 2 ? -1 : 1, sum = changes < 0 ? -INFINITY : 0;
    for (intptr_t t = 0; t < (changes < 0 ? 0 : n); t++) {
        of_sign = u[t][t] < 0 ? -of_sign : of_sign;
        sum += AL_LOG(u[t][t] < 0 ? -u[t][t] : u[t][t]);
    }
    AL_AT(sign, 0) = of_sign;
    AL_AT(size, 0) = sum;
}

#undef AL_AT
#undef AL_FROM
#undef AL_SIZE
#undef AL_REAL
#undef AL_ROOT
#undef AL_LOG
#undef AL
#endif
