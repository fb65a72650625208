/* The cells of recurrent networks. */
#include "../cells.h"

#include "single.h"
#include "recurrent.h"
#include "end.h"

#include "double.h"
#include "recurrent.h"
#include "end.h"

#define GATE_(name, signature, inputs, outputs, doc) \
    {#name, signature, inputs, outputs, NAME(name##_f), NAME(name##_d), NULL, NULL, doc},
#define GATES                                                                                                      \
    GATE_(lstm_cell, "(4,n),(4,n),(4,n),(n)->(6,n)", 4, 1,                                                         \
          "i, f, g, o, h, c of z, b, the product with R, and c before.")                                           \
    GATE_(lstm_cell_pullback, "(6,n),(6,n),(n),(n),(n)->(4,n),(n)", 5, 2,                                          \
          "The cotangents of z and of c before; of i, f, g, o, h, c, their cotangents, c before, dh and dc.")      \
    GATE_(gru_cell, "(3,n),(3,n),(4,n),(n)->(5,n)", 4, 1,                                                          \
          "u, r, n, q, h of z, the product with R, the biases, and h before.")                                     \
    GATE_(gru_cell_pullback, "(5,n),(5,n),(n),(n)->(3,n),(3,n),(n)", 4, 3,                                         \
          "The cotangents of z, of the product with R, and of h before; of u, r, n, q, h, their cotangents, h before " \
          "and dh.")
