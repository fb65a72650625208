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

#endif
