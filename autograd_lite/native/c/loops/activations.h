/* The activations. */
#include "single.h"
#include "networks.h"
#include "end.h"

#include "double.h"
#include "networks.h"
#include "end.h"

#define ACTIVATION_(name, inputs, doc) {#name, NULL, inputs, 1, NAME(name##_f), NAME(name##_d), NULL, NULL, doc},
#define ACTIVATIONS                                                            \
    ACTIVATION_(sigmoid, 1, "1 / (1 + exp(-x)).")                              \
    ACTIVATION_(softplus, 1, "log(1 + exp(x)).")                               \
    ACTIVATION_(silu, 1, "x sigmoid(x).")                                      \
    ACTIVATION_(silu_slope, 1, "The derivative of x sigmoid(x).")              \
    ACTIVATION_(silu_pullback, 2, "The derivative of silu at x, times y.")     \
    ACTIVATION_(mish, 1, "x tanh(softplus(x)).")                               \
    ACTIVATION_(gelu, 1, "x Phi(x), Phi the normal distribution function.")    \
    ACTIVATION_(gelu_slope, 1, "The derivative of x Phi(x).")                  \
    ACTIVATION_(gelu_pullback, 2, "The derivative of gelu at x, times y.")     \
    ACTIVATION_(tanh_pullback, 2, "x - x y y.")                                \
    ACTIVATION_(sigmoid_pullback, 2, "x (y (1 - y)).")                         \
    ACTIVATION_(relu, 1, "The larger of x and 0.")
