/* The elementary functions, and which of them this set of instructions has. */
#include "single.h"
#include "functions.h"
#include "end.h"

#include "double.h"
#include "functions.h"
#include "end.h"

#include "sines.h"

#define ELEMENTARY_(name, doc) {#name, NULL, 1, 1, NAME(name##_f), NAME(name##_d), NULL, NULL, doc},
#define ELEMENTARY                                                        \
    ELEMENTARY_(exp, "The exponential function; 1 ulp.")                  \
    ELEMENTARY_(expm1, "exp(x) - 1; 2 ulp.")                              \
    ELEMENTARY_(tanh, "The hyperbolic tangent; 3 ulp.")                   \
    ELEMENTARY_(log, "The natural logarithm; 1 ulp.")                     \
    ELEMENTARY_(log1p, "log(1 + x); 2 ulp.")                              \
    {"sin", NULL, 1, 1, NULL, NAME(sin_d), NULL, NULL, "The sine; 1 ulp."},   \
    {"cos", NULL, 1, 1, NULL, NAME(cos_d), NULL, NULL, "The cosine; 1 ulp."}, \
    ELEMENTARY_(erf, "The error function; 2 ulp.")                        \
    ELEMENTARY_(erfc, "The complement of the error function; 4 ulp.")
