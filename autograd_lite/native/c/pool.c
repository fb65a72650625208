/* The pool of threads that share work.
 *
 * One job at a time. A caller publishes it and opens the gate; workers that pass get a number each, and take parts from
 * a common counter, as the caller does. When no part is left, the caller shuts the gate and waits for those inside, so
 * a worker that the system was slow to wake never keeps it waiting. Idle workers spin for a moment, then sleep. */
#include "pool.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define SPIN_NS 300000 /* as long as a training step works in one thread between two jobs; waking one takes 50 µs */

static struct {
    void (*work)(void *, ptrdiff_t, int);
    void *context;
    ptrdiff_t parts;
    fenv_t environment;
    atomic_ptrdiff_t next;
    atomic_int raised;
} job;

static atomic_uint gate;       /* how many workers may still pass it: 0 if it is shut */
static atomic_uint finished;   /* how many of those who passed are done */
static atomic_uint generation; /* counts jobs: what idle workers look at */
static atomic_bool taken;      /* by the caller whose job it is */
static atomic_int target = 1;  /* how many threads there should be */
static int created;            /* how many workers there are; of the caller's whose job it is */
static _Thread_local bool inside; /* a part of a job */

/* For those who sleep. A sleeper counts itself and then looks once more at what it waits for; who changes that changes
 * it and then looks at the count: so no call is missed, and none is made while no thread sleeps. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static atomic_int sleepers;
static atomic_bool caller_sleeps;

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

/* Wait for a moment until a counter differs from (or, if `equal`, is) a value; return whether it came so. Others who
 * want the processor, such as the workers of a BLAS, which wait in the same way, get it. */
static bool spin(atomic_uint *counter, unsigned value, bool equal) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 64; i++) {
            if ((atomic_load_explicit(counter, memory_order_acquire) == value) == equal) {
                return true;
            }
            pause_briefly();
        }
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < SPIN_NS);
    return false;
}

/* Take parts of the job until none is left. */
static void take_parts(int thread) {
    ptrdiff_t part;
    inside = true;
    while ((part = atomic_fetch_add_explicit(&job.next, 1, memory_order_relaxed)) < job.parts) {
        job.work(job.context, part, thread);
    }
    inside = false;
}

/* Pass the gate and work, if it is open. The place that a worker takes is its number. */
static void join_in(void) {
    unsigned place = atomic_load(&gate);
    do {
        if (place == 0) {
            return;
        }
    } while (!atomic_compare_exchange_weak(&gate, &place, place - 1));
    fesetenv(&job.environment);
    feclearexcept(FE_ALL_EXCEPT);
    take_parts((int)place);
    const int raised = fetestexcept(FE_ALL_EXCEPT);
    if (raised) {
        atomic_fetch_or(&job.raised, raised);
    }
    atomic_fetch_add(&finished, 1);
    if (atomic_load(&caller_sleeps)) {
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&done);
        pthread_mutex_unlock(&lock);
    }
}

static void *worker(void *unused) {
    for (unsigned seen = 0;;) {
        if (!spin(&generation, seen, false)) {
            pthread_mutex_lock(&lock);
            atomic_fetch_add(&sleepers, 1);
            while (atomic_load(&generation) == seen) {
                pthread_cond_wait(&woken, &lock);
            }
            atomic_fetch_sub(&sleepers, 1);
            pthread_mutex_unlock(&lock);
        }
        seen = atomic_load(&generation);
        join_in();
    }
    return unused;
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

/* A forked process has the thread that forked and no other: it starts anew, with the threads it will create. */
static void after_fork_in_child(void) {
    pthread_mutex_unlock(&lock);
    woken = done = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    atomic_store(&gate, 0);
    atomic_store(&generation, 0);
    atomic_store(&sleepers, 0);
    atomic_store(&caller_sleeps, false);
    atomic_store(&taken, false);
    created = 0;
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

/* Create the workers that are missing, as far as the system lets us; return how many there are, up to a number. */
static unsigned workers(int wanted) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t all, before;
    if (created < wanted) {
        pthread_once(&once, watch_forks);
        sigfillset(&all); /* signals are for threads that know what to do with them, except for those of a crash */
        sigdelset(&all, SIGSEGV), sigdelset(&all, SIGBUS), sigdelset(&all, SIGFPE), sigdelset(&all, SIGILL);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (pthread_t id; created < wanted && pthread_create(&id, NULL, worker, NULL) == 0; created++) {
            pthread_detach(id);
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return (unsigned)(created < wanted ? created : wanted);
}

/* Wake as many sleeping workers as the job can use. */
static void wake(unsigned wanted) {
    if (atomic_load(&sleepers) > 0) {
        pthread_mutex_lock(&lock);
        for (unsigned i = 0; i < wanted; i++) {
            pthread_cond_signal(&woken);
        }
        pthread_mutex_unlock(&lock);
    }
}

/* Wait until the workers that have passed the gate are done. */
static void wait_for(unsigned passed) {
    if (spin(&finished, passed, true)) {
        return;
    }
    pthread_mutex_lock(&lock);
    atomic_store(&caller_sleeps, true);
    while (atomic_load(&finished) != passed) {
        pthread_cond_wait(&done, &lock);
    }
    atomic_store(&caller_sleeps, false);
    pthread_mutex_unlock(&lock);
}

static void run_serially(void (*work)(void *, ptrdiff_t, int), void *context, ptrdiff_t parts) {
    for (ptrdiff_t part = 0; part < parts; part++) {
        work(context, part, 0);
    }
}

int pool_threads(void) { return atomic_load_explicit(&target, memory_order_relaxed); }

void pool_set_threads(int n) { atomic_store(&target, n < 1 ? 1 : n > POOL_MOST_THREADS ? POOL_MOST_THREADS : n); }

void pool_run(void (*work)(void *, ptrdiff_t, int), void *context, ptrdiff_t parts, int threads) {
    const int most = pool_threads() < threads ? pool_threads() : threads;
    const int wanted = (parts < most ? (int)parts : most) - 1;
    if (wanted < 1 || inside || atomic_exchange(&taken, true)) {
        run_serially(work, context, parts);
        return;
    }
    job.work = work;
    job.context = context;
    job.parts = parts;
    fegetenv(&job.environment);
    atomic_store(&job.next, 0);
    atomic_store(&job.raised, 0);
    atomic_store(&finished, 0);
    const unsigned places = workers(wanted);
    atomic_store(&gate, places);
    atomic_fetch_add(&generation, 1);
    wake(places);
    take_parts(0);
    wait_for(places - atomic_exchange(&gate, 0));
    const int raised = atomic_load(&job.raised);
    atomic_store(&taken, false);
    if (raised) {
        feraiseexcept(raised);
    }
}
