/* Faults of the machine for a program that is started with this library preloaded, as its environment says:
 *
 *   FAULT_BELOW    only files whose path begins with this are hit
 *   FAULT_ERRNO    from write number FAULT_AFTER to such files on, each fails with this error
 *   FAULT_SHORT    no write takes more bytes than this
 *   FAULT_CLOCK    from reading number FAULT_AFTER on, the clock of the day is wrong by so many seconds
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long writes, readings;

static long setting(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int is_hit(int fd) {
    char link[64], path[4096];
    const char *below = getenv("FAULT_BELOW");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!below || length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

/* Whether this write fails; errno says how. */
static int fails(int fd) {
    long error = setting("FAULT_ERRNO");
    if (!error || !is_hit(fd) || atomic_fetch_add(&writes, 1) + 1 < setting("FAULT_AFTER"))
        return 0;
    errno = (int)error;
    return 1;
}

static size_t taken(int fd, size_t count) {
    size_t most = (size_t)setting("FAULT_SHORT");
    return most && count > most && is_hit(fd) ? most : count;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "write");
    return fails(fd) ? -1 : real(fd, bytes, taken(fd, count));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        real = dlsym(RTLD_NEXT, "writev");
    if (fails(fd))
        return -1;
    if (count > 0 && setting("FAULT_SHORT") && is_hit(fd))
        return write(fd, parts[0].iov_base, parts[0].iov_len);
    return real(fd, parts, count);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t count, unsigned flags) {
    static ssize_t (*real)(int, off_t *, int, off_t *, size_t, unsigned);
    if (!real)
        real = dlsym(RTLD_NEXT, "copy_file_range");
    return fails(to) ? -1 : real(from, from_at, to, to_at, taken(to, count), flags);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    return fails(fd) ? -1 : real(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME && atomic_fetch_add(&readings, 1) + 1 >= setting("FAULT_AFTER"))
        time->tv_sec += setting("FAULT_CLOCK");
    return result;
}
