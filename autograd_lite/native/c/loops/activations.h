/* Activations of networks. */

#define RELU_(T, X)                                                        \
    static void NAME(relu_##X)(LOOP_ARGUMENTS)                              \
    {                                                                       \
        const npy_intp n = dimensions[0], in = steps[0], out = steps[1];    \
        (void)data;                                                         \
        for (npy_intp i = 0; i < n; i++) {                                  \
            const T x = *(T *)(args[0] + i * in);                           \
            *(T *)(args[1] + i * out) = x > 0 || x != x ? x : 0;            \
        }                                                                   \
    }
RELU_(npy_float, f)
RELU_(npy_double, d)

#define ACTIVATIONS {"relu", NULL, 1, 1, NAME(relu_f), NAME(relu_d), NULL, NULL, "The larger of x and 0."},
