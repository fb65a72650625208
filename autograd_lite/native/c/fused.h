/* What a fused function is: C code that does what a program's instructions do, and that the executor runs in its place.
 *
 * Both sides include this file, the extension and the code: it needs no header of Python or NumPy.
 *
 * A fused function returns what `program_run` does: 0, or 1 if something was invalid, or the kind of a record of kind
 * CHECKED + k that was invalid, which ends the program. It begins with `fused_clear()`, and asks `fused_invalid()` before
 * it calls a loop, which may clear the flags, and at the end. The loop of a record of kind CHECKED + k leaves no flag but
 * its own, and what it leaves is no part of the answer unless it ends the program. */
#ifndef AUTOGRAD_LITE_FUSED_H
#define AUTOGRAD_LITE_FUSED_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    void (*function)(char **args, const intptr_t *dimensions, const intptr_t *steps, void *data); /* of a ufunc */
    void *data;
    int itemsize; /* of the result, for a reduction */
    int quick;    /* what `quick.h` does for few numbers; 0 if the function must do it */
} Loop;

/* What the extension does for the code. */
typedef struct {
    /* Run the record, of any kind, that is at a place in the instructions; return whether flags were raised then. */
    int (*call)(const void *program, ptrdiff_t place);
    /* Share pieces of work among threads; see `pool_run`. */
    void (*share)(void (*work)(void *context, ptrdiff_t piece, int thread), void *context, ptrdiff_t pieces, int threads);
    int (*threads)(void); /* how many there are at most */
} FusedRuntime;

typedef struct {
    char **memory;     /* by the numbers in the records, from 1 */
    char *scratch;     /* of all threads, one after the other */
    const Loop *loops; /* by the numbers in the records */
    const FusedRuntime *runtime;
    const void *program; /* for `call` */
} FusedRun;

typedef int FusedFunction(const FusedRun *run);

/* A call of a loop that many others differ from in places alone: in memory and offset of each. */
typedef struct {
    int (*function)(const FusedRun *run, const int32_t *places);
    const int32_t *places;
} FusedCall;

/* Whether an operation was invalid since the flags were cleared; and clear them. What is stored to memory before is
 * computed before, and what is loaded after is computed after. */
#if defined(__SSE2__)
static inline int fused_invalid(void) {
    unsigned state;
    __asm__ __volatile__("stmxcsr %0" : "=m"(state) : : "memory");
    return state & 1;
}
static inline void fused_clear(void) {
    unsigned state;
    __asm__ __volatile__("stmxcsr %0" : "=m"(state) : : "memory");
    state &= ~0x3fu;
    __asm__ __volatile__("ldmxcsr %0" : : "m"(state) : "memory");
}
#else
#include <fenv.h>
static inline int fused_invalid(void) { return fetestexcept(FE_INVALID) != 0; }
static inline void fused_clear(void) { feclearexcept(FE_ALL_EXCEPT); }
#endif

/* Before a loop whose points do not depend on one another, and before a short one. */
#if defined(__clang__)
#define FUSED_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define FUSED_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FUSED_INDEPENDENT _Pragma("GCC ivdep")
#define FUSED_UNROLL _Pragma("GCC unroll 16")
#endif

/* The sum of up to 128 elements, in the order in which NumPy adds them up. */
#define FUSED_SUM(char, real)                                                                        \
    static inline real fused_sum_##char(const real *a, intptr_t n) {                                 \
        real sum = -(real)0, parts[8];                                                               \
        intptr_t i = 8;                                                                              \
        if (n < 8) {                                                                                 \
            for (i = 0; i < n; i++) {                                                                \
                sum += a[i];                                                                         \
            }                                                                                        \
            return sum;                                                                              \
        }                                                                                            \
        for (int k = 0; k < 8; k++) {                                                                \
            parts[k] = a[k];                                                                         \
        }                                                                                            \
        for (; i < n - n % 8; i += 8) {                                                              \
            for (int k = 0; k < 8; k++) {                                                            \
                parts[k] += a[i + k];                                                                \
            }                                                                                        \
        }                                                                                            \
        sum = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7])); \
        for (; i < n; i++) {                                                                         \
            sum += a[i];                                                                             \
        }                                                                                            \
        return sum;                                                                                  \
    }
FUSED_SUM(f, float)
FUSED_SUM(d, double)

/* Run a record by the executor, or a loop on one row; a loop may clear the flags. */
static inline int fused_call(const FusedRun *run, ptrdiff_t record) {
    return run->runtime->call(run->program, record);
}
static inline void fused_loop(const FusedRun *run, int loop, char **at, intptr_t n, const intptr_t *steps) {
    run->loops[loop].function(at, &n, steps, run->loops[loop].data);
}

/* `name`, which runs `name_part` on the rows of a loop: on all of them, or on parts that threads share. */
enum { FUSED_PIECES = 4, FUSED_ROUND = 64 }; /* pieces for each thread; rows of one begin at multiples of this */
typedef struct {
    const FusedRun *run;
    intptr_t rows, piece;
    int invalid;
} FusedShare;
#define FUSED_SHARE(name, all)                                                                                \
    static void name##_piece(void *context, ptrdiff_t piece, int thread) {                                    \
        FusedShare *share = context;                                                                          \
        const intptr_t first = piece * share->piece, left = share->rows - first;                              \
        (void)thread;                                                                                         \
        fused_clear();                                                                                        \
        if (name##_part(share->run, first, left < share->piece ? share->rows : first + share->piece) |        \
            fused_invalid()) {                                                                                \
            __atomic_store_n(&share->invalid, 1, __ATOMIC_RELAXED);                                           \
        }                                                                                                     \
    }                                                                                                         \
    static int name(const FusedRun *run) {                                                                    \
        const int threads = run->runtime->threads();                                                          \
        FusedShare share = {run, all, all, fused_invalid()};                                                  \
        if (threads == 1) {                                                                                   \
            return name##_part(run, 0, all);                                                                  \
        }                                                                                                     \
        share.piece = (all + FUSED_PIECES * threads - 1) / (FUSED_PIECES * threads);                          \
        share.piece = all > 64 * FUSED_ROUND ? (share.piece + FUSED_ROUND - 1) / FUSED_ROUND * FUSED_ROUND    \
                                             : share.piece;                                                   \
        run->runtime->share(name##_piece, &share, (all + share.piece - 1) / share.piece, threads);            \
        return share.invalid;                                                                                 \
    }

#endif
