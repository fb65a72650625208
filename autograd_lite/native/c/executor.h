/* The executor, which runs instructions. */
#ifndef AUTOGRAD_LITE_EXECUTOR_H
#define AUTOGRAD_LITE_EXECUTOR_H

#include "instructions.h"

/* Run the instructions, and return whether one was invalid: the kind of a record that ended the program, else 1 or 0. */
int program_run(const Program *program);

#endif
