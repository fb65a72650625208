/* Products of small matrices, in stacks; what is computed of each is in ../small.h. */

/* Those whose rows lie together, for a number of columns that is a constant. */
#define SIDE_BY_SIDE(N)                                                                                               \
    static __attribute__((noinline)) void FN(product_of_##N)(const char *a, const char *b, char *c, npy_intp m,       \
                                                             npy_intp k, const npy_intp *steps) {                     \
        JOIN(al_side_by_side, X)(a, b, c, m, k, N, steps[3], steps[4], steps[5], steps[7]);                           \
    }
SIDE_BY_SIDE(4)
SIDE_BY_SIDE(5)
SIDE_BY_SIDE(6)
SIDE_BY_SIDE(7)
SIDE_BY_SIDE(8)
SIDE_BY_SIDE(9)
SIDE_BY_SIDE(10)
SIDE_BY_SIDE(11)
SIDE_BY_SIDE(12)
SIDE_BY_SIDE(13)
SIDE_BY_SIDE(14)
SIDE_BY_SIDE(15)
SIDE_BY_SIDE(16)
#undef SIDE_BY_SIDE

static void FN(small_product)(LOOP_ARGUMENTS) {
    static void (*const of_columns[])(const char *, const char *, char *, npy_intp, npy_intp, const npy_intp *) = {
        FN(product_of_4),  FN(product_of_5),  FN(product_of_6),  FN(product_of_7), FN(product_of_8),
        FN(product_of_9),  FN(product_of_10), FN(product_of_11), FN(product_of_12), FN(product_of_13),
        FN(product_of_14), FN(product_of_15), FN(product_of_16),
    };
    const npy_intp k = dimensions[2], size = sizeof(real), turned = dimensions[3] == 1;
    const npy_intp m = dimensions[turned ? 3 : 1], n = dimensions[turned ? 1 : 3];
    const npy_intp transposed[] = {steps[1], steps[0], steps[2], steps[6], steps[5], steps[4], steps[3], steps[8], steps[7]};
    const npy_intp *const s = turned ? transposed : steps;
    const int is_small = n >= 4 && n <= AL_MOST && k <= AL_MOST, copied = s[6] != size;
    JOIN(al_matrix, X) together;
    npy_intp of_copy[9];
    memcpy(of_copy, s, sizeof of_copy);
    of_copy[5] = copied ? (npy_intp)sizeof *together : s[5];
    (void)data;
    for (npy_intp i = 0; i < dimensions[0]; i++) {
        const char *a = args[turned] + i * s[0], *b = args[!turned] + i * s[1];
        char *c = args[2] + i * s[2];
        if (!is_small || s[8] != size || (m == 1 && copied)) {
            JOIN(al_apart, X)(a, b, c, m, k, n, s[3], s[4], s[5], s[6], s[7], s[8]);
            continue;
        }
        if (copied && (i == 0 || s[1] != 0)) {
            JOIN(al_copy, X)(b, (char *)together, k, n, s[5], s[6], sizeof *together, size);
        }
        of_columns[n - 4](a, copied ? (const char *)together : b, c, m, k, of_copy);
    }
}
