/* A Rosenbrock method for small systems of stiff equations: adaptive steps, the same steps again, the solution within
 * them, and their pullback, as integrate/rosenbrock.py has them.
 *
 * The right-hand side, its derivatives and their pullbacks are bodies. Matrices are dense, row by row. */
#include "body_call.h"

enum { STAGES = 8, MOST_UNKNOWNS = 64, TURN = 64, LANES = 8 };
enum { T, LENGTH, LENGTH_BEFORE, ERROR_BEFORE, AGAIN, T_END, RTOL, MAX_STEP, SAFETY, LEAST, MOST, LEAST_ERROR, ACCEPTED,
       REJECTED, EVALUATIONS, JACOBIANS, FACTORS, NUMBERS }; /* of a solve */
enum { GOES_ON, ENDED, TOO_SMALL, NOT_FINITE };
enum { AT_T, AT_Y };                      /* the arguments of a right-hand side and of its derivatives */
enum { PULL_G, PULL_T, PULL_Y };          /* of the pullback of a right-hand side */
enum { BY_W, BY_U, BY_DT, BY_T, BY_Y };   /* of the pullback of the Jacobian */
enum { F, JACOBIAN, BY_TIME, PULL, PULL_JACOBIAN, BODIES };

static const double NEGLIGIBLE = 1e-10, EXPONENT = 1.0 / 5; /* the least error that counts, and the power of errors */

typedef struct {
    double a[STAGES][STAGES], c[STAGES][STAGES], nodes[STAGES], d[STAGES], b[STAGES], gamma;
} Tableau;

/* A method on its way, with what it knows of the beginning of a step and of its stages. */
typedef struct {
    Tableau tableau;
    BodyCall bodies[BODIES];
    int is_there[BODIES], wrong[BODIES], is_long;
    npy_intp n, output[BODIES], count[3]; /* the first results' buffers; evaluations, Jacobians, factorizations */
    const double *mass;
    double *memory, *slope, *jacobian, *moving, *lu, *places, *u, *v, *gu, *work;
    int pivots[MOST_UNKNOWNS];
    npy_intp n_theta;
    double **sums;
    npy_intp *sizes;
} Method;

/* ---- linear equations ---------------------------------------------------------------------------------------------- */

/* Factor a matrix in its place, with rows exchanged; return whether it is singular. */
static int factor(double *a, npy_intp n, int *pivots) {
    int singular = 0;
    for (npy_intp k = 0; k < n; k++) {
        npy_intp best = k;
        for (npy_intp i = k + 1; i < n; i++) {
            best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
        }
        pivots[k] = (int)best;
        for (npy_intp j = 0; best != k && j < n; j++) {
            const double other = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = other;
        }
        const double pivot = a[k * n + k];
        singular |= !(fabs(pivot) > 0);
        for (npy_intp i = k + 1; i < n; i++) {
            const double by = a[i * n + k] / pivot;
            a[i * n + k] = by;
            for (npy_intp j = k + 1; j < n; j++) {
                a[i * n + j] -= by * a[k * n + j];
            }
        }
    }
    return singular;
}

static void solve(const double *lu, const int *pivots, npy_intp n, double *x) {
    for (npy_intp k = 0; k < n; k++) {
        const double other = x[pivots[k]];
        x[pivots[k]] = x[k];
        x[k] = other;
    }
    for (npy_intp i = 1; i < n; i++) {
        double sum = x[i];
        for (npy_intp j = 0; j < i; j++) {
            sum -= lu[i * n + j] * x[j];
        }
        x[i] = sum;
    }
    for (npy_intp i = n - 1; i >= 0; i--) {
        double sum = x[i];
        for (npy_intp j = i + 1; j < n; j++) {
            sum -= lu[i * n + j] * x[j];
        }
        x[i] = sum / lu[i * n + i];
    }
}

static void solve_turned(const double *lu, const int *pivots, npy_intp n, double *x) {
    for (npy_intp i = 0; i < n; i++) {
        x[i] /= lu[i * n + i];
        for (npy_intp j = i + 1; j < n; j++) {
            x[j] -= lu[i * n + j] * x[i];
        }
    }
    for (npy_intp i = n - 1; i > 0; i--) {
        for (npy_intp j = 0; j < i; j++) {
            x[j] -= lu[i * n + j] * x[i];
        }
    }
    for (npy_intp k = n - 1; k >= 0; k--) {
        const double other = x[pivots[k]];
        x[pivots[k]] = x[k];
        x[k] = other;
    }
}

/* Compute the product of a matrix, or of its transpose, with a vector; without a matrix that is the vector. */
static void multiply(const double *matrix, int turned, npy_intp n, const double *x, double *product) {
    if (matrix == NULL) {
        memcpy(product, x, n * sizeof *x);
        return;
    }
    for (npy_intp i = 0; i < n; i++) {
        double sum = 0;
        for (npy_intp j = 0; j < n; j++) {
            sum += matrix[turned ? j * n + i : i * n + j] * x[j];
        }
        product[i] = sum;
    }
}

static int all_finite(const double *x, npy_intp n) {
    int finite = 1;
    for (npy_intp i = 0; i < n; i++) {
        finite &= fabs(x[i]) <= DBL_MAX;
    }
    return finite;
}

/* ---- stages -------------------------------------------------------------------------------------------------------- */

static void run(Method *method, int body) {
    const int wrong = body_call_run(&method->bodies[body]);
    method->wrong[body] = wrong >= CHECKED ? wrong : method->wrong[body];
}

/* Compute f, or a derivative of it, at (t, y). */
static void compute(Method *method, int body, double t, const double *y, double *result) {
    char **at = method->bodies[body].at;
    at[AT_T] = (char *)&t;
    at[AT_Y] = (char *)y;
    at[method->output[body]] = (char *)result;
    run(method, body);
    method->count[body == F ? 0 : 1] += body != BY_TIME;
}

/* Compute what all lengths of a step from (t, y) share; return whether it is finite. */
static int begin_step(Method *method, double t, const double *y) {
    const npy_intp n = method->n;
    compute(method, F, t, y, method->slope);
    compute(method, JACOBIAN, t, y, method->jacobian);
    if (method->is_there[BY_TIME]) {
        compute(method, BY_TIME, t, y, method->moving);
    }
    return all_finite(method->slope, n) && all_finite(method->jacobian, n * n) &&
           (!method->is_there[BY_TIME] || all_finite(method->moving, n));
}

/* Compute y + Σ a u. */
static void place_of(const Method *method, const double *weights, int count, const double *y, double *place) {
    const npy_intp n = method->n;
    for (npy_intp k = 0; k < n; k++) {
        double sum = 0;
        for (int j = 0; j < count; j++) {
            sum += weights[j] * method->u[j * n + k];
        }
        place[k] = y[k] + sum;
    }
}

/* Compute the stages of a step of length h that has begun at (t, y). */
static void take_stages(Method *method, double t, double h, const double *y) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    const double by = 1 / (h * tableau->gamma);
    double *before = method->work, *product = method->work + n;
    for (npy_intp i = 0; i < n * n; i++) {
        const double mass = method->mass == NULL ? (double)(i % (n + 1) == 0) : method->mass[i];
        method->lu[i] = by * mass - method->jacobian[i];
    }
    method->count[2]++;
    const int singular = factor(method->lu, n, method->pivots);
    for (int i = 0; i < STAGES; i++) {
        double *u = method->u + i * n, *place = method->places + i * n;
        place_of(method, tableau->a[i], i, y, place);
        if (i == 0) {
            memcpy(u, method->slope, n * sizeof *u);
        } else {
            compute(method, F, t + tableau->nodes[i] * h, place, u);
            for (npy_intp k = 0; k < n; k++) {
                double sum = 0;
                for (int j = 0; j < i; j++) {
                    sum += tableau->c[i][j] * method->u[j * n + k];
                }
                before[k] = sum / h;
            }
            multiply(method->mass, 0, n, before, product);
            for (npy_intp k = 0; k < n; k++) {
                u[k] += product[k];
            }
        }
        for (npy_intp k = 0; method->is_there[BY_TIME] && k < n; k++) {
            u[k] += h * tableau->d[i] * method->moving[k];
        }
        solve(method->lu, method->pivots, n, u);
    }
    if (singular) {
        for (npy_intp k = 0; k < STAGES * n; k++) {
            method->u[k] = NAN;
        }
    }
}

static void end_step(const Method *method, double *after) {
    const npy_intp n = method->n;
    for (npy_intp k = 0; k < n; k++) {
        after[k] = method->places[(STAGES - 1) * n + k] + method->u[(STAGES - 1) * n + k];
    }
}

/* ---- from Python's objects ----------------------------------------------------------------------------------------- */

static npy_intp size_of(PyObject *array) { return PyArray_Check(array) ? PyArray_SIZE((PyArrayObject *)array) : 0; }

static int bodies_fill(Method *method, PyObject *bodies) {
    if (!PyTuple_Check(bodies) || PyTuple_GET_SIZE(bodies) != BODIES) {
        PyErr_SetString(PyExc_TypeError, "rosenbrock: expected a tuple of bodies");
        return -1;
    }
    for (int k = 0; k < BODIES; k++) {
        PyObject *body = PyTuple_GET_ITEM(bodies, k), *description;
        if (body == Py_None) {
            continue;
        }
        if (!PyTuple_Check(body) || !PyArg_ParseTuple(body, "O!n", &PyTuple_Type, &description, &method->output[k]) ||
            body_call_make(description, &method->bodies[k]) < 0) {
            body_call_free(&method->bodies[k]);
            return -1;
        }
        method->is_there[k] = 1;
        method->is_long |= method->bodies[k].segment->is_long;
    }
    return 0;
}

/* Check that arguments and results of a body have as many numbers as C reads and writes. */
static int is_sound(const Method *method, PyObject *bodies, int k) {
    const npy_intp n = method->n, s = STAGES;
    const npy_intp sizes[BODIES][6] = {
        {1, n, -1, n}, {1, n, -1, n * n}, {1, n, -1, n}, {n, 1, n, -1, n}, {s * n, s * n, s, 1, n, n}};
    PyObject *buffers = PyTuple_GET_ITEM(PyTuple_GET_ITEM(PyTuple_GET_ITEM(bodies, k), 0), 1);
    const int arguments = k <= BY_TIME ? 2 : k == PULL ? 3 : 5;
    for (int j = 0; j < arguments; j++) {
        if (j >= method->bodies[k].n_buffers ||
            doubles_of(PyTuple_GET_ITEM(buffers, j), sizes[k][j], "rosenbrock, an argument") == NULL) {
            return 0;
        }
    }
    const npy_intp output = method->output[k];
    return output >= arguments && output < method->bodies[k].n_buffers &&
           doubles_of(PyTuple_GET_ITEM(buffers, output), sizes[k][arguments == 2 ? 3 : arguments == 3 ? 4 : 5],
                      "rosenbrock, a result") != NULL;
}

static int sums_fill(Method *method, PyObject *bodies, PyObject *sums) {
    method->n_theta = PyTuple_GET_SIZE(sums);
    method->sums = PyMem_Calloc(method->n_theta + 1, sizeof *method->sums);
    method->sizes = PyMem_Calloc(method->n_theta + 1, sizeof *method->sizes);
    if (method->sums == NULL || method->sizes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (npy_intp j = 0; j < method->n_theta; j++) {
        PyObject *sum = PyTuple_GET_ITEM(sums, j);
        method->sizes[j] = size_of(sum);
        method->sums[j] = doubles_of(sum, method->sizes[j], "rosenbrock, a sum");
        for (int k = PULL; method->sums[j] != NULL && k <= PULL_JACOBIAN; k++) {
            PyObject *buffers = PyTuple_GET_ITEM(PyTuple_GET_ITEM(PyTuple_GET_ITEM(bodies, k), 0), 1);
            const npy_intp at = method->output[k] + 1 + j;
            if (at >= method->bodies[k].n_buffers ||
                doubles_of(PyTuple_GET_ITEM(buffers, at), method->sizes[j], "rosenbrock, a result") == NULL) {
                return -1;
            }
        }
        if (method->sums[j] == NULL) {
            return -1;
        }
    }
    return 0;
}

/* Begin: with bodies, the tableau as numbers, the number of unknowns, and the mass matrix or None. */
static int method_begin(Method *method, PyObject *description, PyObject *sums) {
    PyObject *bodies, *tableau, *mass;
    Py_ssize_t n;
    memset(method, 0, sizeof *method);
    if (!PyTuple_Check(description) || !PyArg_ParseTuple(description, "OOnO", &bodies, &tableau, &n, &mass) ||
        bodies_fill(method, bodies) < 0) {
        return -1;
    }
    const double *numbers = doubles_in(tableau, sizeof(Tableau) / sizeof(double), "rosenbrock, the tableau");
    if (numbers == NULL || n < 1 || n > MOST_UNKNOWNS || !method->is_there[F] || !method->is_there[JACOBIAN]) {
        return -1;
    }
    memcpy(&method->tableau, numbers, sizeof(Tableau));
    method->n = n;
    for (int k = 0; k < BODIES; k++) {
        if (method->is_there[k] && !is_sound(method, bodies, k)) {
            return -1;
        }
    }
    if (mass != Py_None && (method->mass = doubles_in(mass, n * n, "rosenbrock, the mass matrix")) == NULL) {
        return -1;
    }
    if (sums != NULL && (!method->is_there[PULL] || !method->is_there[PULL_JACOBIAN] || !PyTuple_Check(sums) ||
                         sums_fill(method, bodies, sums) < 0)) {
        return -1;
    }
    double *memory = method->memory = PyMem_Calloc((4 * STAGES + 2 * n + 5) * n + STAGES, sizeof *memory);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    double **parts[] = {&method->places, &method->u, &method->v, &method->gu};
    for (int k = 0; k < 4; k++, memory += STAGES * n) {
        *parts[k] = memory;
    }
    method->jacobian = memory;
    method->lu = memory + n * n;
    method->slope = memory + 2 * n * n;
    method->moving = method->slope + n;
    method->work = method->moving + n; /* of 3 n + STAGES */
    return 0;
}

/* Free the memory of a method; return whether there is an exception, as there must be if it failed. */
static int method_end(Method *method, int failed) {
    for (int k = 0; k < BODIES; k++) {
        body_call_free(&method->bodies[k]);
    }
    PyMem_Free(method->memory);
    PyMem_Free(method->sums);
    PyMem_Free(method->sizes);
    if (failed && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_TypeError, "rosenbrock: the description is not sound");
    }
    return failed;
}

/* After step `count` with the lock of the interpreter: return whether to go on, else there is an exception. */
static int goes_on(const Method *method, npy_intp count) {
    for (int k = 0; k < BODIES; k++) {
        if (method->is_there[k] && body_call_settle(&method->bodies[k], method->wrong[k]) < 0) {
            return 0;
        }
    }
    return (!method->is_long && count % TURN != 0) || !turn_given();
}

/* ---- adaptive steps ------------------------------------------------------------------------------------------------ */

/* Where the steps of a solve go. */
typedef struct {
    double *numbers, *y, *times, *lengths, *states, *rejected;
    const double *atol;
    npy_intp accepted, n_rejected, room, rejections;
    int has_begun;
} Solve;

static double error_of(const Method *method, const Solve *solve, const double *after) {
    const npy_intp n = method->n;
    const double *error = method->u + (STAGES - 1) * n;
    double sum[LANES] = {0};
    for (npy_intp k = 0; k < n; k++) {
        const double a = fabs(solve->y[k]), b = fabs(after[k]);
        const double each = error[k] / (solve->atol[k] + (a > b ? a : b) * solve->numbers[RTOL]);
        sum[k % LANES] += each * each;
    }
    return sqrt((((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) / (double)n);
}

/* Note the length that follows a step of length h > 0 with this error. */
static void control(double *at, double h, double error) {
    error = error <= DBL_MAX ? (error > NEGLIGIBLE ? error : NEGLIGIBLE) : INFINITY;
    double factor = at[SAFETY] * pow(error, -EXPONENT);
    if (error < 1) {
        if (at[LENGTH_BEFORE] > 0) {
            const double other = at[SAFETY] * h / at[LENGTH_BEFORE] * pow(at[ERROR_BEFORE] / (error * error), EXPONENT);
            factor = factor < other ? factor : other;
        }
        factor = at[AGAIN] != 0 && factor > 1 ? 1 : factor;
        at[LENGTH_BEFORE] = h;
        at[ERROR_BEFORE] = error > at[LEAST_ERROR] ? error : at[LEAST_ERROR];
    }
    at[AGAIN] = !(error < 1);
    factor = factor > at[LEAST] ? factor : at[LEAST];
    const double next = h * (factor < at[MOST] ? factor : at[MOST]);
    at[LENGTH] = next < at[MAX_STEP] ? next : at[MAX_STEP];
}

/* Try a step; return whether the solve goes on. */
static int attempt(Method *method, Solve *solve) {
    double *at = solve->numbers, *after = solve->states + solve->accepted * method->n;
    const double t = at[T], left = fabs(at[T_END] - t), sign = at[T_END] < t ? -1 : 1;
    const double shortest = 10 * fabs(nextafter(t, sign * INFINITY) - t);
    if (!solve->has_begun && !begin_step(method, t, solve->y)) {
        return NOT_FINITE;
    }
    solve->has_begun = 1;
    const double length = at[LENGTH] * 1.0001 >= left ? left : at[LENGTH] > shortest ? at[LENGTH] : shortest;
    const double h = sign * length;
    take_stages(method, t, h, solve->y);
    end_step(method, after);
    const double error = error_of(method, solve, after);
    control(at, length, error);
    if (!(error < 1)) {
        double *row = solve->rejected + 3 * solve->n_rejected++;
        row[0] = t;
        row[1] = h;
        row[2] = error;
        return length <= shortest ? TOO_SMALL : GOES_ON;
    }
    at[T] = solve->times[solve->accepted] = length == left ? at[T_END] : t + h;
    solve->lengths[solve->accepted++] = h;
    memcpy(solve->y, after, method->n * sizeof *after);
    solve->has_begun = 0;
    return length == left ? ENDED : GOES_ON;
}

static int solve_fill(Solve *solve, PyObject *numbers, PyObject *atol, PyObject *y, PyObject *rows, npy_intp n) {
    PyObject *times, *lengths, *states, *rejected;
    if (!PyTuple_Check(rows) || !PyArg_ParseTuple(rows, "OOOO", &times, &lengths, &states, &rejected)) {
        return -1;
    }
    solve->room = size_of(times);
    solve->rejections = size_of(rejected) / 3;
    solve->atol = doubles_in(atol, n, "rosenbrock, atol");
    solve->y = doubles_of(y, n, "rosenbrock, y");
    solve->times = doubles_of(times, solve->room, "rosenbrock, times");
    solve->lengths = doubles_of(lengths, solve->room, "rosenbrock, lengths");
    solve->states = doubles_of(states, solve->room * n, "rosenbrock, states");
    solve->rejected = doubles_of(rejected, solve->rejections * 3, "rosenbrock, rejected");
    solve->numbers = PyErr_Occurred() ? NULL : doubles_of(numbers, NUMBERS, "rosenbrock, numbers");
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *steps(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *description, *numbers, *atol, *y, *rows;
    if (!PyArg_ParseTuple(args, "OOOOO", &description, &numbers, &atol, &y, &rows)) {
        return NULL;
    }
    Method method;
    Solve solve = {0};
    npy_intp count = 0;
    int fails = method_begin(&method, description, NULL) < 0 ||
                solve_fill(&solve, numbers, atol, y, rows, method.n) < 0;
    int state = GOES_ON;
    while (!fails && state == GOES_ON && solve.accepted < solve.room && solve.n_rejected < solve.rejections) {
        PyThreadState *thread = method.is_long ? PyEval_SaveThread() : NULL;
        state = attempt(&method, &solve);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, ++count);
    }
    if (solve.numbers != NULL) { /* also after an interrupt */
        solve.numbers[ACCEPTED] = (double)solve.accepted;
        solve.numbers[REJECTED] = (double)solve.n_rejected;
        for (int k = 0; k < 3; k++) {
            solve.numbers[EVALUATIONS + k] += (double)method.count[k];
        }
    }
    return method_end(&method, fails) ? NULL : PyLong_FromLong(state);
}

/* ---- given steps --------------------------------------------------------------------------------------------------- */

/* Steps that were taken: where each begins, its length, and the states; and points within them: the number of the step
 * of each, counted from the first state, rising, the weights of stages, and values there or their cotangents. */
typedef struct {
    const double *times, *lengths, *weights;
    double *carries, *values;
    const npy_intp *numbers;
    npy_intp count, points;
} Steps;

static int steps_fill(Steps *all, PyObject *path, npy_intp n) {
    PyObject *times, *lengths, *carries, *numbers, *weights, *values;
    if (!PyTuple_Check(path) ||
        !PyArg_ParseTuple(path, "OOOOOO", &times, &lengths, &carries, &numbers, &weights, &values)) {
        return -1;
    }
    const npy_intp count = all->count = size_of(lengths);
    PyArrayObject *a = (PyArrayObject *)numbers;
    if (!PyArray_Check(numbers) || PyArray_TYPE(a) != NPY_INTP || !PyArray_ISCARRAY_RO(a)) {
        PyErr_SetString(PyExc_ValueError, "rosenbrock: the points are not sound");
        return -1;
    }
    all->numbers = PyArray_DATA(a);
    all->points = PyArray_SIZE(a);
    for (npy_intp p = 0; p < all->points; p++) {
        if (all->numbers[p] < (p == 0 ? 0 : all->numbers[p - 1]) || all->numbers[p] >= count) {
            PyErr_SetString(PyExc_ValueError, "rosenbrock: the steps of points do not rise, or there are fewer");
            return -1;
        }
    }
    all->times = doubles_in(times, count, "rosenbrock, times");
    all->lengths = doubles_in(lengths, count, "rosenbrock, lengths");
    all->carries = doubles_of(carries, (count + 1) * n, "rosenbrock, carries");
    all->weights = doubles_in(weights, all->points * STAGES, "rosenbrock, weights");
    all->values = doubles_of(values, all->points * n, "rosenbrock, values");
    return PyErr_Occurred() ? -1 : 0;
}

static void step_again(Method *method, const Steps *all, npy_intp k) {
    const double *y = all->carries + k * method->n;
    begin_step(method, all->times[k], y);
    take_stages(method, all->times[k], all->lengths[k], y);
}

static void read_points(Method *method, const Steps *all, npy_intp k, npy_intp first, npy_intp stop) {
    const npy_intp n = method->n;
    step_again(method, all, k);
    for (npy_intp p = first; p < stop; p++) {
        place_of(method, all->weights + p * STAGES, STAGES, all->carries + k * n, all->values + p * n);
    }
}

/* Take steps again, from the first state, or read points within them. */
static PyObject *again(PyObject *args, int reads) {
    PyObject *description, *path;
    if (!PyArg_ParseTuple(args, "OO", &description, &path)) {
        return NULL;
    }
    Method method;
    Steps all = {0};
    int fails = method_begin(&method, description, NULL) < 0 || steps_fill(&all, path, method.n) < 0;
    npy_intp stop = 0;
    for (npy_intp k = 0; !fails && k < all.count; k++) {
        const npy_intp first = stop;
        while (reads && stop < all.points && all.numbers[stop] == k) {
            stop++;
        }
        if (reads && first == stop) {
            continue;
        }
        PyThreadState *thread = method.is_long ? PyEval_SaveThread() : NULL;
        if (reads) {
            read_points(&method, &all, k, first, stop);
        } else {
            step_again(&method, &all, k);
            end_step(&method, all.carries + (k + 1) * method.n);
        }
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, k + 1);
    }
    return method_end(&method, fails) ? NULL : Py_NewRef(Py_None);
}

static PyObject *follow(PyObject *Py_UNUSED(module), PyObject *args) { return again(args, 0); }

static PyObject *read_within(PyObject *Py_UNUSED(module), PyObject *args) { return again(args, 1); }

/* ---- the pullback -------------------------------------------------------------------------------------------------- */

static void add_to_sums(Method *method, int body) {
    for (npy_intp j = 0; j < method->n_theta; j++) {
        const double *part = (const double *)method->bodies[body].at[method->output[body] + 1 + j];
        double *restrict sum = method->sums[j];
        for (npy_intp i = 0; i < method->sizes[j]; i++) {
            sum[i] += part[i];
        }
    }
}

/* Pull back through the slope of a stage, from v: add to the cotangents of the results of the stages before it. */
static void pull_stage(Method *method, double t, double h, int i, double *moved) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    const double at_t = t + tableau->nodes[i] * h;
    double *v = method->v + i * n, *before = method->work;
    char **at = method->bodies[PULL].at;
    at[PULL_G] = (char *)v;
    at[PULL_T] = (char *)&at_t;
    at[PULL_Y] = (char *)(method->places + i * n);
    at[method->output[PULL]] = (char *)moved;
    run(method, PULL);
    add_to_sums(method, PULL);
    if (i == 0) {
        return;
    }
    multiply(method->mass, 1, n, v, before);
    for (int j = 0; j < i; j++) {
        const double a = tableau->a[i][j], c = tableau->c[i][j] / h;
        for (npy_intp k = 0; k < n; k++) {
            method->gu[j * n + k] += a * moved[k] + c * before[k];
        }
    }
}

/* Pull back through a step, from g to g; its points are those from `first` to before `stop`. */
static void pull_step(Method *method, const Steps *all, npy_intp step, npy_intp first, npy_intp stop, double *g) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    const double t = all->times[step], h = all->lengths[step];
    double *moved = method->work + n, *of_y = method->work + 2 * n, dt[STAGES];
    int any = 0;
    for (npy_intp k = 0; k < n; k++) {
        any |= g[k] != 0;
    }
    for (npy_intp p = first * n; p < stop * n; p++) {
        any |= all->values[p] != 0;
    }
    if (!any) {
        return;
    }
    step_again(method, all, step);
    memcpy(of_y, g, n * sizeof *g);
    for (int i = 0; i < STAGES; i++) {
        dt[i] = h * tableau->d[i];
        for (npy_intp k = 0; k < n; k++) {
            method->gu[i * n + k] = tableau->b[i] * g[k];
        }
    }
    for (npy_intp p = first; p < stop; p++) {
        for (npy_intp k = 0; k < n; k++) {
            const double part = all->values[p * n + k];
            of_y[k] += part;
            for (int i = 0; i < STAGES; i++) {
                method->gu[i * n + k] += all->weights[p * STAGES + i] * part;
            }
        }
    }
    for (int i = STAGES - 1; i >= 0; i--) {
        memcpy(method->v + i * n, method->gu + i * n, n * sizeof *g);
        solve_turned(method->lu, method->pivots, n, method->v + i * n);
        pull_stage(method, t, h, i, moved);
        for (npy_intp k = 0; k < n; k++) {
            of_y[k] += moved[k];
        }
    }
    char **at = method->bodies[PULL_JACOBIAN].at;
    at[BY_W] = (char *)method->v;
    at[BY_U] = (char *)method->u;
    at[BY_DT] = (char *)dt;
    at[BY_T] = (char *)&t;
    at[BY_Y] = (char *)(all->carries + step * n);
    at[method->output[PULL_JACOBIAN]] = (char *)moved;
    run(method, PULL_JACOBIAN);
    add_to_sums(method, PULL_JACOBIAN);
    for (npy_intp k = 0; k < n; k++) {
        g[k] = of_y[k] + moved[k];
    }
}

static PyObject *pull_back(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *description, *path, *sums, *cotangent;
    if (!PyArg_ParseTuple(args, "OOOO", &description, &path, &sums, &cotangent)) {
        return NULL;
    }
    Method method;
    Steps all = {0};
    double *g = NULL;
    int fails = method_begin(&method, description, sums) < 0 || steps_fill(&all, path, method.n) < 0 ||
                (g = doubles_of(cotangent, method.n, "rosenbrock, cotangent")) == NULL;
    npy_intp first = fails ? 0 : all.points;
    for (npy_intp k = fails ? -1 : all.count - 1; !fails && k >= 0; k--) {
        const npy_intp stop = first;
        while (first > 0 && all.numbers[first - 1] == k) {
            first--;
        }
        PyThreadState *thread = method.is_long ? PyEval_SaveThread() : NULL;
        pull_step(&method, &all, k, first, stop, g);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, k + 1);
    }
    return method_end(&method, fails) ? NULL : Py_NewRef(Py_None);
}

PyMethodDef rosenbrock_methods[] = {
    {"rosenbrock_steps", steps, METH_VARARGS, "Try steps, until the end is reached or there is no more room."},
    {"rosenbrock_follow", follow, METH_VARARGS, "Take given steps from a given state."},
    {"rosenbrock_read", read_within, METH_VARARGS, "Read the solution within given steps."},
    {"rosenbrock_pull", pull_back, METH_VARARGS, "Pull cotangents back through given steps."},
    {NULL, NULL, 0, NULL},
};
