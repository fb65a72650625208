/* Explicit Runge-Kutta methods: adaptive steps, the same steps again, the solution within them, and their pullback.
 *
 * The right-hand side and its pullback are bodies. All sums are in the order in which integrate/runge_kutta.py has
 * them, with each operation rounded, so that both give the same bits. */
#include "body_call.h"

enum { MOST_ROWS = 24, TURN = 64, BLOCK_OF = 256, LANES = 8 };
/* The numbers of a solve; BEFORE is the logarithm of the error of the step before, as the control counts it, and FIRST
 * the exponent by which the first step is chosen. */
enum {
    T, LENGTH, BEFORE, AGAIN, T_END, RTOL, MAX_STEP, ALPHA, BETA, SAFETY, LEAST, MOST, FIRST_EXPONENT,
    ACCEPTED, REJECTED, EVALUATIONS, NUMBERS
};
enum { GOES_ON, ENDED, TOO_SMALL };
enum { AT_T, AT_Y };          /* the arguments of a right-hand side */
enum { PULL_G, PULL_T, PULL_Y }; /* and of its pullback */

static const double LEAST_LEVEL = -9; /* logarithm of the error of the step before, as the control counts it */

/* A weighted sum of some rows. */
typedef struct {
    int count, from[MOST_ROWS];
    double weight[MOST_ROWS];
} Terms;

typedef struct {
    int stages, rows, n_errors, needs_end; /* the last: whether errors depend on the slope at the end */
    Terms a[MOST_ROWS], errors[2];
    double c[MOST_ROWS];
} Tableau;

/* A method on its way. */
typedef struct {
    Tableau tableau;
    BodyCall f;
    npy_intp n, output; /* the number of the buffer of slopes */
    double *slopes, *work;
    npy_intp evaluations;
    int wrong;
} Method;

/* ---- sums ---------------------------------------------------------------------------------------------------------- */

static void terms_fill(Terms *terms, const double *weights, int count) {
    terms->count = 0;
    for (int j = 0; j < count; j++) {
        if (weights[j] != 0) {
            terms->from[terms->count] = j;
            terms->weight[terms->count++] = weights[j];
        }
    }
}

/* Compute a part of a weighted sum of rows of n. */
static inline void sum_rows(const Terms *terms, const double *rows, npy_intp n, npy_intp first, npy_intp count,
                            double *restrict sum) {
    if (terms->count == 0) {
        memset(sum, 0, count * sizeof *sum);
        return;
    }
    const double *row = rows + terms->from[0] * n + first, weight = terms->weight[0];
    for (npy_intp i = 0; i < count; i++) {
        sum[i] = row[i] * weight;
    }
    for (int k = 1; k < terms->count; k++) {
        const double *next = rows + terms->from[k] * n + first, by = terms->weight[k];
        for (npy_intp i = 0; i < count; i++) {
            sum[i] = sum[i] + next[i] * by;
        }
    }
}

/* Compute y + h times a weighted sum of rows. */
static void advance(const Terms *terms, const double *rows, npy_intp n, double h, const double *y, double *out) {
    double sum[BLOCK_OF];
    if (n < LANES) { /* without loops in loops */
        for (npy_intp i = 0; i < n; i++) {
            const double *row = rows + i;
            double total = terms->count == 0 ? 0 : row[terms->from[0] * n] * terms->weight[0];
            for (int k = 1; k < terms->count; k++) {
                total = total + row[terms->from[k] * n] * terms->weight[k];
            }
            out[i] = y[i] + total * h;
        }
        return;
    }
    for (npy_intp first = 0; first < n; first += BLOCK_OF) {
        const npy_intp count = n - first < BLOCK_OF ? n - first : BLOCK_OF;
        sum_rows(terms, rows, n, first, count, sum);
        for (npy_intp i = 0; i < count; i++) {
            out[first + i] = y[first + i] + sum[i] * h;
        }
    }
}

/* Return Σ (Σ weight · row)² / (atol + rtol max(|y|, |other|))². */
static double sum_of_squares(const Terms *terms, const double *rows, npy_intp n, const double *atol, double rtol,
                             const double *y, const double *other) {
    double sum[BLOCK_OF], lanes[LANES] = {0};
    for (npy_intp first = 0; first < n; first += BLOCK_OF) {
        const npy_intp count = n - first < BLOCK_OF ? n - first : BLOCK_OF, whole = count / LANES * LANES;
        sum_rows(terms, rows, n, first, count, sum);
        for (npy_intp i = 0; i < count; i++) {
            const double a = fabs(y[first + i]), b = fabs(other[first + i]);
            sum[i] = sum[i] / (atol[first + i] + (a > b ? a : b) * rtol);
        }
        for (npy_intp i = 0; i < whole; i += LANES) {
            for (int k = 0; k < LANES; k++) {
                lanes[k] += sum[i + k] * sum[i + k];
            }
        }
        for (npy_intp i = whole; i < count; i++) {
            lanes[i - whole] += sum[i] * sum[i];
        }
    }
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static int all_finite(const double *x, npy_intp n) {
    int finite = 1;
    for (npy_intp i = 0; i < n; i++) {
        finite &= fabs(x[i]) <= DBL_MAX;
    }
    return finite;
}

/* ---- stages -------------------------------------------------------------------------------------------------------- */

/* Compute the slope at (t, y). */
static void slope_at(Method *method, double t, const double *y, double *slope) {
    method->f.at[AT_T] = (char *)&t;
    method->f.at[AT_Y] = (char *)y;
    method->f.at[method->output] = (char *)slope;
    const int wrong = body_call_run(&method->f);
    method->wrong = wrong >= CHECKED ? wrong : method->wrong;
    method->evaluations++;
}

/* Compute the slopes of a step from the second row on, and the states in which they are, if `states` is not NULL, or in
 * which the last one is. */
static void take_stages(Method *method, double t, double h, const double *y, int rows, double *states) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    for (int i = 1; i < rows; i++) {
        double *state = states == NULL ? method->work : states + i * n;
        advance(tableau->a + i, method->slopes, n, h, y, state);
        slope_at(method, t + tableau->c[i] * h, state, method->slopes + i * n);
    }
}

static double error_of(const Method *method, double h, const double *atol, double rtol, const double *y,
                       const double *after) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    if (!all_finite(after, n)) {
        return NAN;
    }
    const double high = sum_of_squares(tableau->errors, method->slopes, n, atol, rtol, y, after);
    if (tableau->n_errors == 1) {
        return fabs(h) * sqrt(high / (double)n);
    }
    const double low = sum_of_squares(tableau->errors + 1, method->slopes, n, atol, rtol, y, after);
    return high == 0 ? 0 : fabs(h) * high / sqrt((high + 0.01 * low) * (double)n);
}

/* ---- from Python's objects ----------------------------------------------------------------------------------------- */

/* Return whether all of some arguments are tuples; there is an exception if not. */
static int are_tuples(PyObject *const *all, int count) {
    for (int k = 0; k < count; k++) {
        if (!PyTuple_Check(all[k])) {
            PyErr_SetString(PyExc_TypeError, "runge_kutta: expected tuples");
            return 0;
        }
    }
    return 1;
}

static int tableau_fill(Tableau *tableau, PyObject *description) {
    PyObject *a, *c, *errors;
    int stages, rows, n_errors;
    if (!PyArg_ParseTuple(description, "iOOO", &stages, &a, &c, &errors)) {
        return -1;
    }
    rows = PyArray_Check(c) ? (int)PyArray_SIZE((PyArrayObject *)c) : 0;
    n_errors = PyArray_Check(errors) && stages > 0 ? (int)(PyArray_SIZE((PyArrayObject *)errors) / (stages + 1)) : 0;
    if (stages < 1 || rows <= stages || rows > MOST_ROWS || n_errors < 1 || n_errors > 2) {
        PyErr_SetString(PyExc_ValueError, "runge_kutta: the tableau is not sound");
        return -1;
    }
    const double *from_a = doubles_in(a, (npy_intp)rows * rows, "runge_kutta, a");
    const double *from_c = from_a == NULL ? NULL : doubles_in(c, rows, "runge_kutta, c");
    const double *from_errors =
        from_c == NULL ? NULL : doubles_in(errors, (npy_intp)n_errors * (stages + 1), "runge_kutta, errors");
    if (from_errors == NULL) {
        return -1;
    }
    *tableau = (Tableau){.stages = stages, .rows = rows, .n_errors = n_errors};
    for (int i = 0; i < rows; i++) {
        terms_fill(tableau->a + i, from_a + i * rows, i);
        tableau->c[i] = from_c[i];
    }
    for (int k = 0; k < n_errors; k++) {
        terms_fill(tableau->errors + k, from_errors + k * (stages + 1), stages + 1);
        tableau->needs_end |= from_errors[k * (stages + 1) + stages] != 0;
    }
    return 0;
}

/* Begin with a right-hand side, a tableau, and memory: slopes of `rows` rows of n, and n numbers. The number of
 * unknowns is that of the buffer of slopes. */
static int method_begin(Method *method, PyObject *f, PyObject *tableau, PyObject *memory) {
    PyObject *slopes, *work;
    memset(method, 0, sizeof *method);
    if (!are_tuples((PyObject *[]){f, tableau, memory}, 3) || tableau_fill(&method->tableau, tableau) < 0 ||
        body_call_make(f, &method->f) < 0 ||
        !PyArg_ParseTuple(memory, "nOO", &method->output, &slopes, &work)) {
        return -1;
    }
    if (method->output <= AT_Y || method->output >= method->f.n_buffers || !PyArray_Check(work)) {
        PyErr_SetString(PyExc_ValueError, "runge_kutta: the memory is not sound");
        return -1;
    }
    PyObject *buffers = PyTuple_GET_ITEM(f, 1);
    const npy_intp n = method->n = PyArray_SIZE((PyArrayObject *)work);
    method->work = doubles_of(work, n, "runge_kutta, work");
    method->slopes = doubles_of(slopes, method->tableau.rows * n, "runge_kutta, slopes");
    if (PyErr_Occurred() || doubles_of(PyTuple_GET_ITEM(buffers, AT_T), 1, "runge_kutta, t") == NULL ||
        doubles_of(PyTuple_GET_ITEM(buffers, AT_Y), n, "runge_kutta, y") == NULL ||
        doubles_of(PyTuple_GET_ITEM(buffers, method->output), n, "runge_kutta, the slope") == NULL ||
        !body_call_fits(&method->f, buffers)) {
        return -1;
    }
    return 0;
}

/* After step `count` with the lock of the interpreter: return whether to go on, else there is an exception. */
static int goes_on(Method *method, BodyCall *pull, npy_intp count) {
    if (body_call_settle(&method->f, method->wrong) < 0 || (pull != NULL && body_call_settle(pull, 0) < 0)) {
        return 0;
    }
    return (!method->f.segment->is_long && count % TURN != 0) || !turn_given();
}

/* Return the size of what may be an array. */
static npy_intp size_of(PyObject *array) { return PyArray_Check(array) ? PyArray_SIZE((PyArrayObject *)array) : 0; }

/* ---- adaptive steps ------------------------------------------------------------------------------------------------ */

/* Where the steps of a solve go. */
typedef struct {
    double *numbers, *atol, *y, *times, *lengths, *states, *rejected;
    npy_intp accepted, n_rejected;
} Solve;

/* Choose the end of the step to try; return 0 if it is too short. */
static int next_end(double *at, double *end) {
    const double t = at[T], left = at[T_END] - t, direction = left < 0 ? -1 : 1;
    const double least = 10 * fabs(nextafter(t, direction * INFINITY) - t);
    double length = at[LENGTH];
    if (at[AGAIN] == 0) {
        length = length > at[MAX_STEP] ? at[MAX_STEP] : length;
        length = length < least ? least : length;
    } else if (!(length >= least)) {
        return 0;
    }
    const double far = fabs(left);
    *end = length >= far || (1.01 * length >= far && far <= at[MAX_STEP]) ? at[T_END] : t + length * direction;
    return 1;
}

/* Try a step; return whether the solve goes on. */
static int attempt(Method *method, Solve *solve) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    double *at = solve->numbers, *after = solve->states + solve->accepted * n, end;
    if (!next_end(at, &end)) {
        return TOO_SMALL;
    }
    const double t = at[T], h = end - t;
    const int s = tableau->stages;
    take_stages(method, t, h, solve->y, s, NULL);
    advance(tableau->a + s, method->slopes, n, h, solve->y, after);
    if (tableau->needs_end) {
        slope_at(method, t + h, after, method->slopes + s * n);
    }
    const double error = error_of(method, h, solve->atol, at[RTOL], solve->y, after);
    if (!(error < 1)) {
        const double factor = error <= DBL_MAX ? at[SAFETY] * exp(-at[ALPHA] * log(error)) : at[LEAST];
        double *row = solve->rejected + 3 * solve->n_rejected++;
        row[0] = t;
        row[1] = h;
        row[2] = error;
        at[LENGTH] = fabs(h) * (factor > at[LEAST] ? factor : at[LEAST]);
        at[AGAIN] = 1;
        return GOES_ON;
    }
    double factor = at[MOST], level = LEAST_LEVEL;
    if (error > 0) {
        level = log(error);
        factor = at[SAFETY] * exp(at[BETA] * at[BEFORE] - at[ALPHA] * level);
        factor = factor > at[LEAST] ? factor : at[LEAST];
        factor = factor < at[MOST] ? factor : at[MOST];
    }
    if (at[AGAIN] != 0 && factor > 1) {
        factor = 1;
    }
    if (!tableau->needs_end) {
        slope_at(method, t + h, after, method->slopes + s * n);
    }
    at[LENGTH] = fabs(h) * factor;
    at[BEFORE] = level > LEAST_LEVEL ? level : LEAST_LEVEL;
    at[AGAIN] = 0;
    at[T] = solve->times[solve->accepted] = end;
    solve->lengths[solve->accepted++] = h;
    memcpy(method->slopes, method->slopes + s * n, n * sizeof *after);
    memcpy(solve->y, after, n * sizeof *after);
    return end == at[T_END] ? ENDED : GOES_ON;
}

/* Return the length of the first step, as step_control.py has it; the state after it lies in the room for the first one,
 * and its slope in the second row. */
static double first_length(Method *method, const Solve *solve) {
    static const Terms slope = {1, {0}, {1.0}}, change = {2, {1, 0}, {1.0, -1.0}};
    const double *at = solve->numbers, *y = solve->y, span = fabs(at[T_END] - at[T]);
    const double direction = at[T_END] < at[T] ? -1 : 1, n = (double)method->n;
    const double d0 = sqrt(sum_of_squares(&slope, y, method->n, solve->atol, at[RTOL], y, y) / n);
    const double d1 = sqrt(sum_of_squares(&slope, method->slopes, method->n, solve->atol, at[RTOL], y, y) / n);
    double h0 = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1, h1;
    h0 = span < h0 ? span : h0;
    h0 = at[MAX_STEP] < h0 ? at[MAX_STEP] : h0;
    if (!(h0 > 0)) {
        h0 = span < 1e-6 ? span : 1e-6;
        return at[MAX_STEP] < h0 ? at[MAX_STEP] : h0;
    }
    advance(&slope, method->slopes, method->n, h0 * direction, y, solve->states);
    slope_at(method, at[T] + h0 * direction, solve->states, method->slopes + method->n);
    const double d2 = sqrt(sum_of_squares(&change, method->slopes, method->n, solve->atol, at[RTOL], y, y) / n) / h0;
    const double steepest = d2 > d1 ? d2 : d1;
    if (steepest <= 1e-15) {
        h1 = h0 * 1e-3 > 1e-6 ? h0 * 1e-3 : 1e-6;
    } else {
        h1 = pow(0.01 / steepest, at[FIRST_EXPONENT]);
    }
    if (!(h1 > 0)) {
        return h0;
    }
    h1 = 100 * h0 < h1 ? 100 * h0 : h1;
    h1 = span < h1 ? span : h1;
    return at[MAX_STEP] < h1 ? at[MAX_STEP] : h1;
}

static int solve_fill(Solve *solve, PyObject *numbers, PyObject *atol, PyObject *y, PyObject *rows, npy_intp n,
                      npy_intp *room, npy_intp *rejections) {
    PyObject *times, *lengths, *states, *rejected;
    if (!PyArg_ParseTuple(rows, "OOOO", &times, &lengths, &states, &rejected)) {
        return -1;
    }
    *room = size_of(times);
    *rejections = size_of(rejected) / 3;
    *solve = (Solve){doubles_of(numbers, NUMBERS, "runge_kutta, numbers"), doubles_of(atol, n, "runge_kutta, atol"),
                     doubles_of(y, n, "runge_kutta, y"), doubles_of(times, *room, "runge_kutta, times"),
                     doubles_of(lengths, *room, "runge_kutta, lengths"),
                     doubles_of(states, *room * n, "runge_kutta, states"),
                     doubles_of(rejected, *rejections * 3, "runge_kutta, rejected"), 0, 0};
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *steps(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *f, *tableau, *memory, *numbers, *atol, *y, *rows;
    if (!PyArg_ParseTuple(args, "OOOOOOO!", &f, &tableau, &memory, &numbers, &atol, &y, &PyTuple_Type, &rows)) {
        return NULL;
    }
    Method method;
    Solve solve = {0};
    npy_intp room, rejections, count = 0;
    int fails = method_begin(&method, f, tableau, memory) < 0 ||
                solve_fill(&solve, numbers, atol, y, rows, method.n, &room, &rejections) < 0;
    int state = GOES_ON;
    if (!fails && room > 0 && solve.numbers[EVALUATIONS] == 0) {
        slope_at(&method, solve.numbers[T], solve.y, method.slopes);
        if (solve.numbers[LENGTH] == 0) {
            solve.numbers[LENGTH] = first_length(&method, &solve);
        }
        fails = !goes_on(&method, NULL, 1);
    }
    while (!fails && state == GOES_ON && solve.accepted < room && solve.n_rejected < rejections) {
        PyThreadState *thread = method.f.segment->is_long ? PyEval_SaveThread() : NULL;
        state = attempt(&method, &solve);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, NULL, ++count);
    }
    if (solve.numbers != NULL) { /* also after an interrupt */
        solve.numbers[ACCEPTED] = (double)solve.accepted;
        solve.numbers[REJECTED] = (double)solve.n_rejected;
        solve.numbers[EVALUATIONS] += (double)method.evaluations;
    }
    body_call_free(&method.f);
    return fails ? NULL : PyLong_FromLong(state);
}

/* ---- given steps --------------------------------------------------------------------------------------------------- */

/* Steps that were taken: where each begins, its length, the time of its first slope, and the states. */
typedef struct {
    const double *times, *lengths, *begins, *carries;
    npy_intp count;
} Steps;

static int steps_fill(Steps *all, PyObject *path, npy_intp n) {
    PyObject *times, *lengths, *begins, *carries;
    if (!are_tuples(&path, 1) || !PyArg_ParseTuple(path, "OOOO", &times, &lengths, &begins, &carries)) {
        return -1;
    }
    const npy_intp count = size_of(lengths);
    *all = (Steps){doubles_in(times, count, "runge_kutta, times"), doubles_in(lengths, count, "runge_kutta, lengths"),
                   doubles_in(begins, count, "runge_kutta, begins"),
                   doubles_in(carries, (count + 1) * n, "runge_kutta, carries"), count};
    return PyErr_Occurred() ? -1 : 0;
}

static void follow_step(Method *method, const Steps *all, double *carries, npy_intp k) {
    const npy_intp n = method->n;
    const int s = method->tableau.stages;
    const double *y = carries + k * n, t = all->times[k], h = all->lengths[k];
    if (k == 0) {
        slope_at(method, all->begins[0], y, method->slopes);
    }
    take_stages(method, t, h, y, s, NULL);
    advance(method->tableau.a + s, method->slopes, n, h, y, carries + (k + 1) * n);
    if (k + 1 < all->count) {
        slope_at(method, t + h, carries + (k + 1) * n, method->slopes);
    }
}

static PyObject *follow(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *f, *tableau, *memory, *path;
    if (!PyArg_ParseTuple(args, "OOOO", &f, &tableau, &memory, &path)) {
        return NULL;
    }
    Method method;
    Steps all;
    double *carries = NULL;
    int fails = method_begin(&method, f, tableau, memory) < 0 || steps_fill(&all, path, method.n) < 0 ||
                (carries = doubles_of(PyTuple_GET_ITEM(path, 3), (all.count + 1) * method.n, "runge_kutta, carries"))
                    == NULL;
    for (npy_intp k = 0; !fails && k < all.count; k++) {
        PyThreadState *thread = method.f.segment->is_long ? PyEval_SaveThread() : NULL;
        follow_step(&method, &all, carries, k);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, NULL, k + 1);
    }
    body_call_free(&method.f);
    return fails ? NULL : PyLong_FromSsize_t(method.evaluations);
}

/* ---- points within steps ------------------------------------------------------------------------------------------- */

/* Points: the number of the step of each, counted from the first carry, rising, and the weights of slopes. */
typedef struct {
    const npy_intp *numbers;
    const double *weights;
    double *values; /* of the solution, or their cotangents, which are not written to */
    npy_intp count, rows;
} Points;

static int points_fill(Points *points, PyObject *description, npy_intp n, const Tableau *tableau, npy_intp n_steps) {
    PyObject *numbers, *weights, *values;
    if (!are_tuples(&description, 1) ||
        !PyArg_ParseTuple(description, "OnOO", &numbers, &points->rows, &weights, &values)) {
        return -1;
    }
    PyArrayObject *a = (PyArrayObject *)numbers;
    if (!PyArray_Check(numbers) || PyArray_TYPE(a) != NPY_INTP || !PyArray_ISCARRAY_RO(a) || points->rows < 1 ||
        points->rows > tableau->rows) {
        PyErr_SetString(PyExc_ValueError, "runge_kutta: the points are not sound");
        return -1;
    }
    points->numbers = PyArray_DATA(a);
    points->count = PyArray_SIZE(a);
    for (npy_intp p = 0; p < points->count; p++) {
        if (points->numbers[p] < (p == 0 ? 0 : points->numbers[p - 1]) || points->numbers[p] >= n_steps) {
            PyErr_SetString(PyExc_ValueError, "runge_kutta: the steps of points do not rise, or there are fewer");
            return -1;
        }
    }
    points->weights = doubles_in(weights, points->count * tableau->rows, "runge_kutta, weights");
    points->values = points->weights == NULL ? NULL : doubles_of(values, points->count * n, "runge_kutta, values");
    return points->values == NULL ? -1 : 0;
}

static void read_point(Method *method, const Steps *all, const Points *points, npy_intp p) {
    const npy_intp n = method->n, k = points->numbers[p];
    const double *y = all->carries + k * n, h = all->lengths[k];
    if (p == 0 || points->numbers[p - 1] != k) {
        slope_at(method, all->begins[k], y, method->slopes);
        take_stages(method, all->times[k], h, y, (int)points->rows, NULL);
    }
    Terms terms;
    terms_fill(&terms, points->weights + p * method->tableau.rows, (int)points->rows);
    advance(&terms, method->slopes, n, h, y, points->values + p * n);
}

static PyObject *read_points(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *f, *tableau, *memory, *path, *description;
    if (!PyArg_ParseTuple(args, "OOOOO", &f, &tableau, &memory, &path, &description)) {
        return NULL;
    }
    Method method;
    Steps all;
    Points points;
    int fails = method_begin(&method, f, tableau, memory) < 0 || steps_fill(&all, path, method.n) < 0 ||
                points_fill(&points, description, method.n, &method.tableau, all.count) < 0;
    for (npy_intp p = 0; !fails && p < points.count; p++) {
        PyThreadState *thread = method.f.segment->is_long ? PyEval_SaveThread() : NULL;
        read_point(&method, &all, &points, p);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, NULL, p + 1);
    }
    body_call_free(&method.f);
    return fails ? NULL : PyLong_FromSsize_t(method.evaluations);
}

/* ---- the pullback -------------------------------------------------------------------------------------------------- */

/* The pullback of a right-hand side, and memory: states and cotangents of slopes, n rows each, and three times n. */
typedef struct {
    BodyCall call;
    npy_intp n_theta, result; /* the number of the buffer of the cotangent of y; those of theta follow */
    double **sums, **each;
    npy_intp *sizes;
    double *states, *of_slopes, *of_y, *moved;
} Pull;

static int pull_begin(Pull *pull, PyObject *description, PyObject *sums, PyObject *memory, const Method *method) {
    const npy_intp n = method->n;
    memset(pull, 0, sizeof *pull);
    PyObject *states, *of_slopes, *of_y, *moved;
    if (!are_tuples((PyObject *[]){description, memory, sums}, 3) || body_call_make(description, &pull->call) < 0 ||
        !PyArg_ParseTuple(memory, "nOOOO", &pull->result, &states, &of_slopes, &of_y, &moved)) {
        return -1;
    }
    PyObject *buffers = PyTuple_GET_ITEM(description, 1);
    pull->n_theta = PyTuple_GET_SIZE(sums);
    if (pull->result <= PULL_Y || pull->result + pull->n_theta >= pull->call.n_buffers) {
        PyErr_SetString(PyExc_ValueError, "runge_kutta: the memory is not sound");
        return -1;
    }
    pull->states = doubles_of(states, method->tableau.rows * n, "runge_kutta, states");
    pull->of_slopes = doubles_of(of_slopes, method->tableau.rows * n, "runge_kutta, cotangents");
    pull->of_y = doubles_of(of_y, n, "runge_kutta, cotangent");
    pull->moved = doubles_of(moved, n, "runge_kutta, cotangent");
    const npy_intp sizes[] = {n, 1, n};
    for (int k = PULL_G; k <= PULL_Y; k++) {
        doubles_of(PyTuple_GET_ITEM(buffers, k), sizes[k], "runge_kutta, an argument of the pullback");
    }
    doubles_of(PyTuple_GET_ITEM(buffers, pull->result), n, "runge_kutta, a result of the pullback");
    if (PyErr_Occurred() || !body_call_fits(&pull->call, buffers)) {
        return -1;
    }
    pull->sums = PyMem_Calloc(pull->n_theta + 1, 2 * sizeof *pull->sums);
    pull->sizes = PyMem_Calloc(pull->n_theta + 1, sizeof *pull->sizes);
    if (pull->sums == NULL || pull->sizes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    pull->each = pull->sums + pull->n_theta + 1;
    for (npy_intp k = 0; k < pull->n_theta; k++) {
        PyObject *sum = PyTuple_GET_ITEM(sums, k);
        pull->sizes[k] = size_of(sum);
        pull->sums[k] = doubles_of(sum, pull->sizes[k], "runge_kutta, a sum");
        pull->each[k] = pull->sums[k] == NULL ? NULL
                                              : doubles_of(PyTuple_GET_ITEM(buffers, pull->result + 1 + k),
                                                           pull->sizes[k], "runge_kutta, a result of the pullback");
        if (pull->each[k] == NULL) {
            return -1;
        }
    }
    return 0;
}

static void pull_free(Pull *pull) {
    body_call_free(&pull->call);
    PyMem_Free(pull->sums);
    PyMem_Free(pull->sizes);
}

/* Pull back through the slope of row i: its cotangent becomes that of the state, and parts of theta's are added. */
static void pull_slope(Method *method, Pull *pull, double t, const double *y, const double *g, double *of_state) {
    pull->call.at[PULL_G] = (char *)g;
    pull->call.at[PULL_T] = (char *)&t;
    pull->call.at[PULL_Y] = (char *)y;
    pull->call.at[pull->result] = (char *)of_state;
    const int wrong = body_call_run(&pull->call);
    method->wrong = wrong >= CHECKED ? wrong : method->wrong;
    for (npy_intp k = 0; k < pull->n_theta; k++) {
        double *restrict sum = pull->sums[k];
        const double *each = pull->each[k];
        for (npy_intp i = 0; i < pull->sizes[k]; i++) {
            sum[i] += each[i];
        }
    }
}

/* Add the parts that points have in the cotangents of the slopes and of the state. */
static void pull_points(const Method *method, const Pull *pull, const Points *points, npy_intp first, npy_intp stop,
                        double h) {
    const npy_intp n = method->n;
    for (npy_intp p = first; p < stop; p++) {
        const double *g = points->values + p * n, *weights = points->weights + p * method->tableau.rows;
        for (npy_intp i = 0; i < n; i++) {
            pull->of_y[i] += g[i];
        }
        for (npy_intp j = 0; j < points->rows; j++) {
            const double weight = weights[j] * h;
            double *restrict row = pull->of_slopes + j * n;
            for (npy_intp i = 0; i < n; i++) {
                row[i] += g[i] * weight;
            }
        }
    }
}

/* Pull back through a step, from g to g; its points are those from `first` to before `stop`. */
static void pull_step(Method *method, Pull *pull, const Steps *all, npy_intp step, const Points *points, npy_intp first,
                      npy_intp stop, double *g) {
    const Tableau *tableau = &method->tableau;
    const npy_intp n = method->n;
    const int s = tableau->stages, rows = first == stop ? s : (int)points->rows;
    const double *y = all->carries + step * n, t = all->times[step], h = all->lengths[step];
    slope_at(method, t, y, method->slopes);
    take_stages(method, t, h, y, rows, pull->states); /* the last slope is needed where points are read alone */
    memset(pull->of_slopes, 0, rows * n * sizeof *g);
    memset(pull->of_y, 0, n * sizeof *g);
    pull_points(method, pull, points, first, stop, h);
    for (int i = rows - 1 > s ? rows - 1 : s; i >= 0; i--) {
        double *moved = pull->moved;
        if (i < rows) {
            pull_slope(method, pull, t + tableau->c[i] * h, i == 0 ? y : pull->states + i * n, pull->of_slopes + i * n,
                       moved);
            for (npy_intp k = 0; i == s && k < n; k++) {
                moved[k] = g[k] + moved[k];
            }
        } else {
            memcpy(moved, g, n * sizeof *g);
        }
        for (npy_intp k = 0; k < n; k++) {
            pull->of_y[k] += moved[k];
        }
        for (int j = 0; j < tableau->a[i].count; j++) {
            const double weight = tableau->a[i].weight[j] * h;
            double *restrict row = pull->of_slopes + tableau->a[i].from[j] * n;
            for (npy_intp k = 0; k < n; k++) {
                row[k] += moved[k] * weight;
            }
        }
    }
    memcpy(g, pull->of_y, n * sizeof *g);
}

static PyObject *pull_back(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *f, *tableau, *memory, *path, *description, *pull_of, *sums, *more, *cotangent;
    if (!PyArg_ParseTuple(args, "OOOOOOOOO", &f, &tableau, &memory, &path, &description, &pull_of, &sums, &more,
                          &cotangent)) {
        return NULL;
    }
    Method method;
    Steps all;
    Points points;
    Pull pull = {0};
    double *g = NULL;
    int fails = method_begin(&method, f, tableau, memory) < 0 || steps_fill(&all, path, method.n) < 0 ||
                points_fill(&points, description, method.n, &method.tableau, all.count) < 0 ||
                pull_begin(&pull, pull_of, sums, more, &method) < 0 ||
                (g = doubles_of(cotangent, method.n, "runge_kutta, cotangent")) == NULL;
    npy_intp first = fails ? 0 : points.count;
    const int is_long = !fails && (method.f.segment->is_long || pull.call.segment->is_long);
    for (npy_intp k = fails ? -1 : all.count - 1; !fails && k >= 0; k--) {
        const npy_intp stop = first;
        while (first > 0 && points.numbers[first - 1] == k) {
            first--;
        }
        PyThreadState *thread = is_long ? PyEval_SaveThread() : NULL;
        pull_step(&method, &pull, &all, k, &points, first, stop, g);
        if (thread != NULL) {
            PyEval_RestoreThread(thread);
        }
        fails = !goes_on(&method, &pull.call, k + 1);
    }
    pull_free(&pull);
    body_call_free(&method.f);
    return fails ? NULL : PyLong_FromSsize_t(method.evaluations);
}

PyMethodDef runge_kutta_methods[] = {
    {"runge_kutta_steps", steps, METH_VARARGS, "Try steps, until the end is reached or there is no more room."},
    {"runge_kutta_follow", follow, METH_VARARGS, "Take given steps from a given state."},
    {"runge_kutta_read", read_points, METH_VARARGS, "Read the solution within given steps."},
    {"runge_kutta_pull", pull_back, METH_VARARGS, "Pull cotangents back through given steps."},
    {NULL, NULL, 0, NULL},
};
