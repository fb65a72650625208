/* Pooling of images of T, whose kernels' names end in X; B is an integer of T's size. Included once for each T.
 *
 * A walk goes over the rows of windows, for each over the taps of a window in C order, and for each over the windows in
 * the row. Images are shared between threads. */

#define OPERAND(role) (*(T *)(at[role] + i * step[role]))
#define DONE_AT (*(B *)(at[DONE] + i * step[DONE]))

/* One tap of some windows. The first of equal elements is the one that counts, and NaN equals NaN. */
ALWAYS_INLINE void
OF(pool_line)(PoolKind kind, int apart, npy_intp n, char *const *at, const npy_intp *step)
{
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        if (kind == POOL_MAX) {
            const T best = OPERAND(WINDOW), x = OPERAND(IMAGE);
            OPERAND(WINDOW) = ((x < best) | (best != best)) ? best : x;
        }
        else if (kind == POOL_SUM) {
            OPERAND(WINDOW) += OPERAND(IMAGE);
        }
        else if (kind == POOL_SPREAD) {
            OPERAND(IMAGE_2) += OPERAND(WINDOW);
        }
        else {
            const T y = OPERAND(IMAGE), z = OPERAND(WINDOW_2);
            const B done = DONE_AT, hit = ((y == z) | ((y != y) & (z != z))) & (done == 0);
            DONE_AT = done | hit;
            if (kind == POOL_TAKE) {
                OPERAND(WINDOW) += hit ? OPERAND(IMAGE_2) : 0;
            }
            else if (apart) {
                OPERAND(IMAGE_2) = hit ? OPERAND(WINDOW) : 0;
            }
            else {
                OPERAND(IMAGE_2) += hit ? OPERAND(WINDOW) : 0;
            }
        }
    }
}
#undef OPERAND
#undef DONE_AT

/* Fill all elements of an image with a number. */
static void
OF(pool_fill)(const Images *a, char *data, int axis, T value)
{
    if (axis < RANK) {
        for (npy_intp i = 0; i < a->size[axis]; i++) {
            OF(pool_fill)(a, data + i * a->step[axis], axis + 1, value);
        }
        return;
    }
    if (a->c_step == sizeof(T)) {
        for (npy_intp i = 0; i < a->c; i++) {
            ((T *)data)[i] = value;
        }
        return;
    }
    for (npy_intp i = 0; i < a->c; i++) {
        *(T *)(data + i * a->c_step) = value;
    }
}

/* One tap of `count` windows in a row: along channels, or along the row where that is longer. */
ALWAYS_INLINE void
OF(pool_tap)(const Walk *walk, PoolKind kind, int apart, char *const *start, npy_intp count)
{
    const npy_intp c = walk->of[WINDOW].c, size = sizeof(T);
    npy_intp along[ROLES], across[ROLES];
    int dense = 1;
    for (int role = 0; role < ROLES; role++) {
        const Images *a = &walk->of[role];
        along[role] = a->c_step;
        across[role] = a->step[RANK - 1] * (role <= IMAGE_2 ? walk->layout.stride[RANK - 1] : 1);
        dense &= a->data == NULL || a->c_step == size;
    }
    const int turned = c < 8 && c < count;
    const npy_intp *inner = turned ? across : along, *outer = turned ? along : across;
    char *at[ROLES] = {start[0], start[1], start[2], start[3], start[4]};
    for (npy_intp i = 0; i < (turned ? c : count); i++) {
        if (!turned && dense) {
            OF(pool_line)(kind, apart, c, at, (const npy_intp[ROLES]){size, size, size, size, size});
        }
        else {
            OF(pool_line)(kind, apart, turned ? count : c, at, inner);
        }
        for (int role = 0; role < ROLES; role++) {
            at[role] += outer[role];
        }
    }
}

/* All taps of the windows in row (o, p) of an image. */
ALWAYS_INLINE void
OF(pool_row)(const Walk *walk, PoolKind kind, int apart, char *const *image, npy_intp o, npy_intp p)
{
    const Layout *l = &walk->layout;
    const npy_intp *size = walk->of[kind == POOL_SPREAD ? IMAGE_2 : IMAGE].size;
    for (npy_intp tap = 0; tap < l->window[0] * l->window[1] * l->window[2]; tap++) {
        const npy_intp k = tap % l->window[2], j = tap / l->window[2] % l->window[1];
        const npy_intp a = o * l->stride[0] + tap / l->window[2] / l->window[1] - l->before[0];
        const npy_intp b = p * l->stride[1] + j - l->before[1];
        npy_intp first;
        const npy_intp last = reach(k, size[2], walk->of[WINDOW].size[2], l->stride[2], l->before[2], &first);
        if (a < 0 || a >= size[0] || b < 0 || b >= size[1] || first >= last) {
            continue;
        }
        char *start[ROLES];
        for (int role = 0; role < ROLES; role++) {
            const npy_intp *step = walk->of[role].step;
            const npy_intp at[RANK] = {a, b, first * l->stride[2] + k - l->before[2]}, window[RANK] = {o, p, first};
            const npy_intp *here = role <= IMAGE_2 ? at : window;
            start[role] = image[role] + here[0] * step[0] + here[1] * step[1] + here[2] * step[2];
        }
        OF(pool_tap)(walk, kind, apart, start, last - first);
    }
}

/* The images of one part. Rows of windows go backwards: each element then gets its addends in the order of taps. */
ALWAYS_INLINE void
OF(pool_images)(const Walk *walk, npy_intp part, char *scratch, PoolKind kind, int apart)
{
    const Images *w = &walk->of[WINDOW], *into = &walk->of[kind >= POOL_PUT ? IMAGE_2 : WINDOW];
    const int fill = !(kind == POOL_PUT && are_tiles(&walk->layout, into, w));
    for (npy_intp n = w->n * part / walk->parts; n < w->n * (part + 1) / walk->parts; n++) {
        char *image[ROLES];
        for (int role = 0; role < DONE; role++) {
            image[role] = walk->of[role].data + n * walk->of[role].n_step;
        }
        image[DONE] = scratch;
        if (fill) {
            OF(pool_fill)(into, into->data + n * into->n_step, 0, kind == POOL_MAX ? -(T)INFINITY : 0);
        }
        for (npy_intp row = w->size[0] * w->size[1]; row-- > 0;) {
            memset(image[DONE], 0, walk->scratch_step);
            OF(pool_row)(walk, kind, apart, image, row / w->size[1], row % w->size[1]);
        }
    }
}

static void
OF(pool_part)(void *context, ptrdiff_t part, int thread)
{
    const Walk *walk = context;
    char *scratch = walk->scratch + thread * walk->scratch_step;
    switch (walk->kind) {
    case POOL_MAX: {
        const int invalid = fetestexcept(FE_INVALID);
        OF(pool_images)(walk, part, scratch, POOL_MAX, 0);
        if (!invalid) {
            feclearexcept(FE_INVALID); /* which comparing NaN raises */
        }
        break;
    }
    case POOL_SUM: OF(pool_images)(walk, part, scratch, POOL_SUM, 0); break;
    case POOL_TAKE: OF(pool_images)(walk, part, scratch, POOL_TAKE, 0); break;
    case POOL_SPREAD: OF(pool_images)(walk, part, scratch, POOL_SPREAD, 0); break;
    case POOL_PUT:
        if (are_apart(&walk->layout)) {
            OF(pool_images)(walk, part, scratch, POOL_PUT, 1);
        }
        else {
            OF(pool_images)(walk, part, scratch, POOL_PUT, 0);
        }
    }
}

/* Read the operands, and share the images between threads. All kernels have the core dimensions n, those of their first
 * operand's images, c, and those of the other's. */
static void
OF(pool)(int rank, PoolKind kind, char **args, const npy_intp *dimensions, const npy_intp *steps)
{
    enum { SHAPE = -1, LAYOUT = -2, END = -3 };
    static const int roles[][6] = {
        [POOL_MAX] = {IMAGE, SHAPE, LAYOUT, WINDOW, END},
        [POOL_SUM] = {IMAGE, SHAPE, LAYOUT, WINDOW, END},
        [POOL_TAKE] = {IMAGE_2, IMAGE, WINDOW_2, LAYOUT, WINDOW, END},
        [POOL_PUT] = {WINDOW, IMAGE, WINDOW_2, LAYOUT, IMAGE_2, END},
        [POOL_SPREAD] = {WINDOW, SHAPE, LAYOUT, IMAGE_2, END},
    };
    const int *role = roles[kind], operands = kind == POOL_TAKE || kind == POOL_PUT ? 5 : 4;
    const npy_intp *first = dimensions + 2, *other = first + rank + 1, c = first[rank];
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        Walk walk = {.kind = kind};
        const npy_intp *its = steps + operands;
        for (int k = 0; k < operands; k++) {
            char *data = args[k] + outer * steps[k];
            if (role[k] == SHAPE) {
                its += rank;
            }
            else if (role[k] == LAYOUT) {
                read_layout(&walk.layout, walk.layout.window, data, *its++, rank);
            }
            else {
                const int same = (role[k] <= IMAGE_2) == (role[0] <= IMAGE_2);
                walk.of[role[k]] = images_of(data, rank, dimensions[1], same ? first : other, c, its);
                its += rank + 2;
            }
        }
        Images *done = &walk.of[DONE];
        done->c_step = sizeof(B);
        done->step[2] = c * (npy_intp)sizeof(B);
        const int marks = kind == POOL_TAKE || kind == POOL_PUT;
        walk.scratch_step = marks ? walk.of[WINDOW].size[2] * done->step[2] : 0;
        const int threads = pool_threads();
        walk.parts = dimensions[1] < 4 * threads ? dimensions[1] : 4 * threads;
        walk.scratch = malloc(threads * walk.scratch_step + 1);
        if (walk.scratch == NULL) {
            no_memory();
            return;
        }
        pool_run(OF(pool_part), &walk, walk.parts, threads);
        free(walk.scratch);
    }
}

#define POOL_LOOPS(name, kind) \
    static void OF(name##_1)(LOOP_ARGUMENTS) { (void)data; OF(pool)(1, kind, args, dimensions, steps); } \
    static void OF(name##_2)(LOOP_ARGUMENTS) { (void)data; OF(pool)(2, kind, args, dimensions, steps); } \
    static void OF(name##_3)(LOOP_ARGUMENTS) { (void)data; OF(pool)(3, kind, args, dimensions, steps); }
POOL_LOOPS(window_max, POOL_MAX)
POOL_LOOPS(window_sum, POOL_SUM)
POOL_LOOPS(window_take_equal, POOL_TAKE)
POOL_LOOPS(window_put_equal, POOL_PUT)
POOL_LOOPS(window_spread, POOL_SPREAD)
#undef POOL_LOOPS
