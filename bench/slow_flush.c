/* Lets every flush to the disk take at least FLUSH_MICROSECONDS, for whatever program it is preloaded into: the
   machines that races are run on often have disks that are far quicker than those that services run on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long least_nanoseconds;

/* Read at the start: some programs, such as php-fpm, clear the environment of the processes that they start. */
__attribute__((constructor)) static void read_least(void)
{
    const char *microseconds = getenv("FLUSH_MICROSECONDS");
    least_nanoseconds = microseconds ? atol(microseconds) * 1000L : 0;
}

static long nanoseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000000000L + (now.tv_nsec - start->tv_nsec);
}

static int flush(const char *name, int file)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int outcome = real(file);
    long rest = least_nanoseconds - nanoseconds_since(&start);
    if (rest > 0) {
        struct timespec wait = {rest / 1000000000L, rest % 1000000000L};
        nanosleep(&wait, NULL);
    }
    return outcome;
}

int fsync(int file) { return flush("fsync", file); }

int fdatasync(int file) { return flush("fdatasync", file); }

/* PHP loads its extensions so that they find the C library before anything that was preloaded: not here. */
void *dlopen(const char *file, int flags)
{
    void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    return real(file, flags & ~RTLD_DEEPBIND);
}
