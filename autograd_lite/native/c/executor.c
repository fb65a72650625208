/* Running instructions. Nothing here needs Python, so that the lock of the interpreter may be released. */
#include "executor.h"
#include "reductions.h"
#include "pool.h"
#include "quick.h"

#include <stdatomic.h>

enum { PIECES = 4 }; /* of a block for each thread: when one is held up, others take more of them */

/* Take the record of a call apart. */
static inline void decode(const npy_intp *record, const Program *program, char *scratch, npy_intp row, Call *call) {
    const npy_intp n = record[OPERANDS];
    const npy_intp *operand = record + FIRST + record[DIMENSIONS] + record[CORE];
    call->loop = program->loops + record[LOOP];
    call->operands = n;
    call->dimensions = record[DIMENSIONS];
    call->shape = record + FIRST;
    call->strides = operand + 3 * n;
    for (npy_intp i = 0; i < n; i++, operand += 3) {
        char *memory = operand[0] == 0 ? scratch : program->memory[operand[0]];
        call->at[i] = memory + operand[1] + operand[2] * row;
    }
}

/* Run the loop of a call over all dimensions but the innermost, which it sees itself; `first` is the outermost one. */
static void loop_dimensions(const Call *call, npy_intp first) {
    const npy_intp n = call->operands, inner = call->dimensions - 1;
    char *at[MOST_OPERANDS], *given[MOST_OPERANDS];
    npy_intp count[MOST_DIMENSIONS] = {0}, lengths[MOST_DIMENSIONS];
    memcpy(at, call->at, n * sizeof *at);
    memcpy(lengths, call->shape, inner * sizeof *lengths);
    lengths[0] = first;
    do {
        memcpy(given, at, n * sizeof *at); /* loops may change what they are given */
        call->loop->function(given, call->shape + inner, call->strides + inner * n, call->loop->data);
    } while (next_place(call, at, n, count, inner, lengths));
}

/* Run the loop of a call once, on as many rows as `first` says; the sizes of a core follow in the shape. */
static void loop_rows(Call *call, npy_intp first, npy_intp core) {
    npy_intp lengths[MOST_DIMENSIONS];
    lengths[0] = first;
    memcpy(lengths + 1, call->shape + 1, core * sizeof *lengths);
    call->loop->function(call->at, lengths, call->strides, call->loop->data);
}

/* Run a call, in a block on some of its rows: the first dimension is that of one row. Return whether it was invalid. */
static inline int call_run(const npy_intp *record, const Program *program, char *scratch, npy_intp row, npy_intp rows) {
    Call call;
    decode(record, program, scratch, row, &call);
    const npy_intp first = call.shape[0] * rows;
    if (record[KIND] == REDUCE) {
        reduce(&call);
    } else if (call.dimensions > 1) {
        loop_dimensions(&call, first);
    } else if (rows == 1) {
        call.loop->function(call.at, call.shape, call.strides, call.loop->data);
    } else {
        loop_rows(&call, first, record[CORE]);
    }
    return fused_invalid();
}

/* What the threads that share a block know. */
typedef struct {
    const Program *program;
    const npy_intp *record;
    npy_intp parts, pieces;
    atomic_int invalid;
} Shared;

/* Carry out some of the parts of a block, those of one piece, with a thread's own scratch. */
static void piece_run(void *context, ptrdiff_t piece, int thread) {
    Shared *shared = context;
    const npy_intp *record = shared->record, *end = record + record[SIZE];
    const npy_intp first = shared->parts * piece / shared->pieces, stop = shared->parts * (piece + 1) / shared->pieces;
    char *scratch = shared->program->scratch + thread * record[SCRATCH];
    int invalid = 0;
    if (shared->pieces > 1) {
        fused_clear(); /* of a worker */
    }
    for (npy_intp part = first; part < stop; part++) {
        const npy_intp row = part * record[STEP];
        const npy_intp rows = record[ROWS] - row < record[STEP] ? record[ROWS] - row : record[STEP];
        for (const npy_intp *at = record + BODY; at < end; at += at[SIZE]) {
            invalid |= call_run(at, shared->program, scratch, row, rows);
        }
    }
    if (invalid) {
        atomic_store(&shared->invalid, 1);
    }
}

static int block_run(const npy_intp *record, const Program *program) {
    Shared shared = {program, record, (record[ROWS] + record[STEP] - 1) / record[STEP], 1, 0};
    const int most = (int)record[SHARED], threads = most < pool_threads() ? most : pool_threads();
    if (threads > 1) {
        shared.pieces = shared.parts < PIECES * threads ? shared.parts : PIECES * threads;
        pool_run(piece_run, &shared, shared.pieces, threads);
    } else {
        piece_run(&shared, 0, 0);
    }
    return atomic_load(&shared.invalid);
}

static int records_run(const npy_intp *at, const npy_intp *end, const Program *program);

/* Run some records again and again, with pointers that move on after each step; return as `program_run` does. */
static int repeat_run(const npy_intp *record, const Program *program) {
    const npy_intp *moves = record + MOVES, *body = moves + MOVE * record[MOVING], *end = record + record[SIZE];
    char **memory = program->memory;
    int invalid = 0;
    for (const npy_intp *m = moves; m < body; m += MOVE) {
        memory[m[0]] = memory[m[2]] + m[3];
    }
    for (npy_intp t = record[STEPS]; t > 0; t--) {
        const int wrong = records_run(body, end, program);
        if (wrong >= CHECKED) {
            return wrong;
        }
        invalid |= wrong;
        for (const npy_intp *m = moves; m < body; m += MOVE) {
            memory[m[0]] += m[4];
        }
    }
    return invalid;
}

static inline int record_run(const npy_intp *record, const Program *program) {
    return record[KIND] == BLOCK    ? block_run(record, program)
           : record[KIND] == REPEAT ? repeat_run(record, program)
                                    : call_run(record, program, NULL, 0, 1);
}

static int place_run(const void *program, ptrdiff_t place) {
    return record_run(((const Program *)program)->code + place, program);
}

static const FusedRuntime runtime = {place_run, pool_run, pool_threads};

/* Run records up to an end; the flags are clear before. */
static int records_run(const npy_intp *at, const npy_intp *end, const Program *program) {
    int invalid = 0, noticed = 1; /* whether the flags of what has run are known */
    for (; at < end; at += at[SIZE]) {
        if (is_quick(at, program)) {
            quick_run(at, program);
            noticed = 0;
            continue;
        }
        if (!noticed) { /* loops may clear the flags */
            invalid |= fused_invalid();
            noticed = 1;
        }
        const int wrong = record_run(at, program);
        if (at[KIND] >= CHECKED) { /* its loop leaves no flag but its own */
            if (wrong) {
                return (int)at[KIND];
            }
            continue;
        }
        if (at[KIND] == REPEAT && wrong >= CHECKED) {
            return wrong;
        }
        invalid |= wrong;
    }
    return (noticed ? invalid : invalid | fused_invalid()) != 0;
}

int program_run(const Program *program) {
    FusedFunction *fused = atomic_load_explicit(&program->fused, memory_order_acquire);
    if (fused != NULL) {
        const FusedRun run = {program->memory, program->scratch, program->loops, &runtime, program};
        return fused(&run);
    }
    fused_clear();
    return records_run(program->code, program->code + program->size, program);
}
