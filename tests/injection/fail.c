/* Faults in what a process writes, for the tests: a library to be preloaded (LD_PRELOAD).

   Every call that changes something below one folder is counted, whoever makes it: Python, SQLite,
   Arrow, libsndfile. At a chosen one the process is killed or the call fails. What to do stands in
   a small file, shared by all processes of a run, that INJECTION_CONTROL names; struct control
   below is its layout. While `armed` is 0 nothing is counted.

   A write at which the process is killed, or the disk becomes full, is half done. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL = -1 };
enum kind { OPEN, WRITE, SYNC, RENAME, REMOVE, MAKE, CUT };

struct control {
    long armed;      /* counts and acts only while this is 1 */
    long at;         /* which call, from 1; 0: none */
    long fault;      /* KILL, or the errno of the failing call */
    long lasting;    /* all later calls that can fail so do too */
    long count;      /* calls so far */
    long done;       /* whether the fault has happened */
    char what[256];  /* the call at which it did */
    char below[1024];
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("INJECTION_CONTROL");
    int file = path ? (int)open(path, O_RDWR | O_CLOEXEC) : -1;
    void *seen = file < 0 ? MAP_FAILED
                          : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    control = seen == MAP_FAILED ? NULL : seen;
    if (file >= 0)
        close(file);
}

/* The path that a call means, from a folder's descriptor and a name, or from a descriptor alone. */
static int lies_below(int folder, const char *name, char *full)
{
    char link[64];
    ssize_t length = 0;
    if (name == NULL || name[0] != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(folder == AT_FDCWD ? "/proc/self/cwd" : link, full, PATH_MAX - 2);
        if (length < 0)
            return 0;
    }
    full[length] = 0;
    if (name != NULL)
        snprintf(full + length, PATH_MAX - length, length ? "/%s" : "%s", name);
    size_t n = strlen(control->below);
    return strncmp(full, control->below, n) == 0 && full[n] == '/';
}

static int can_fail_so(enum kind kind, long fault)
{
    switch (fault) {
    case ENOSPC: return kind == OPEN || kind == WRITE || kind == MAKE;
    case EACCES: return kind == OPEN || kind == RENAME || kind == MAKE || kind == REMOVE;
    default: return 1;
    }
}

/* 0: go on. Otherwise the errno to fail with; a write has been cut in half where *half says so. */
static int strike(enum kind kind, int folder, const char *name, int *half)
{
    char full[PATH_MAX];
    if (control == NULL || !control->armed || !lies_below(folder, name, full))
        return 0;
    long number = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
    if (!control->at || number < control->at)
        return 0;
    if (control->done)
        return control->lasting && control->fault != KILL && kind != REMOVE
               && can_fail_so(kind, control->fault) ? (int)control->fault : 0;
    if (control->fault != KILL && !can_fail_so(kind, control->fault))
        return 0; /* the next one that can */
    control->done = 1;
    static const char *names[] = {"open", "write", "sync", "rename", "remove", "make", "cut"};
    snprintf(control->what, sizeof control->what, "%s %.200s", names[kind],
             full + strlen(control->below) + 1);
    if (kind == WRITE && half && (control->fault == KILL || control->fault == ENOSPC)) {
        *half = 1;
        return 0;
    }
    if (control->fault == KILL)
        kill(getpid(), SIGKILL);
    return (int)control->fault;
}

static void end_if_killed(void)
{
    if (control->fault == KILL)
        kill(getpid(), SIGKILL);
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)
#define STRIKE(kind, folder, path) \
    do { int e_ = strike(kind, folder, path, NULL); if (e_) { errno = e_; return -1; } } while (0)

#define IS_WRITING(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))

#define OPENER(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, name, const char *, int, ...); \
        if (IS_WRITING(flags)) STRIKE(OPEN, AT_FDCWD, path); \
        return real(path, flags, mode); \
    }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, name, int, const char *, int, ...); \
        if (IS_WRITING(flags)) STRIKE(OPEN, folder, path); \
        return real(folder, path, flags, mode); \
    }
OPENER_AT(openat)
OPENER_AT(openat64)

#define WRITER(result, name, parameters, types, call, halved) \
    result name parameters \
    { \
        REAL(result, name, types); \
        int half = 0, error = strike(WRITE, file, NULL, &half); \
        if (error) { errno = error; return -1; } \
        if (!half) return call; \
        result n = halved; \
        end_if_killed(); \
        if (n <= 0) { errno = ENOSPC; return -1; } \
        return n; \
    }
#define TYPES(...) __VA_ARGS__
WRITER(ssize_t, write, (int file, const void *bytes, size_t size), TYPES(int, const void *, size_t),
       real(file, bytes, size), size > 1 ? real(file, bytes, size / 2) : 0)
WRITER(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t at),
       TYPES(int, const void *, size_t, off_t),
       real(file, bytes, size, at), size > 1 ? real(file, bytes, size / 2, at) : 0)
WRITER(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t at),
       TYPES(int, const void *, size_t, off64_t),
       real(file, bytes, size, at), size > 1 ? real(file, bytes, size / 2, at) : 0)
WRITER(ssize_t, writev, (int file, const struct iovec *parts, int n_parts),
       TYPES(int, const struct iovec *, int),
       real(file, parts, n_parts), n_parts > 1 ? real(file, parts, n_parts / 2) : 0)
WRITER(ssize_t, sendfile, (int file, int source, off_t *at, size_t size),
       TYPES(int, int, off_t *, size_t),
       real(file, source, at, size), size > 1 ? real(file, source, at, size / 2) : 0)
WRITER(ssize_t, sendfile64, (int file, int source, off64_t *at, size_t size),
       TYPES(int, int, off64_t *, size_t),
       real(file, source, at, size), size > 1 ? real(file, source, at, size / 2) : 0)

#define ON_FILE(name, kind, parameters, types, ...) \
    int name parameters { REAL(int, name, types); STRIKE(kind, file, NULL); return real(__VA_ARGS__); }
ON_FILE(fsync, SYNC, (int file), TYPES(int), file)
ON_FILE(fdatasync, SYNC, (int file), TYPES(int), file)
ON_FILE(ftruncate, CUT, (int file, off_t size), TYPES(int, off_t), file, size)
ON_FILE(ftruncate64, CUT, (int file, off64_t size), TYPES(int, off64_t), file, size)

#define ON_PATH(name, kind, parameters, types, folder, ...) \
    int name parameters { REAL(int, name, types); STRIKE(kind, folder, path); return real(__VA_ARGS__); }
ON_PATH(truncate, CUT, (const char *path, off_t size), TYPES(const char *, off_t), AT_FDCWD, path, size)
ON_PATH(truncate64, CUT, (const char *path, off64_t size), TYPES(const char *, off64_t), AT_FDCWD, path, size)
ON_PATH(unlink, REMOVE, (const char *path), TYPES(const char *), AT_FDCWD, path)
ON_PATH(rmdir, REMOVE, (const char *path), TYPES(const char *), AT_FDCWD, path)
ON_PATH(unlinkat, REMOVE, (int folder, const char *path, int flags), TYPES(int, const char *, int),
        folder, folder, path, flags)
ON_PATH(mkdir, MAKE, (const char *path, mode_t mode), TYPES(const char *, mode_t), AT_FDCWD, path, mode)
ON_PATH(mkdirat, MAKE, (int folder, const char *path, mode_t mode), TYPES(int, const char *, mode_t),
        folder, folder, path, mode)
ON_PATH(rename, RENAME, (const char *path, const char *to), TYPES(const char *, const char *),
        AT_FDCWD, path, to)
ON_PATH(renameat, RENAME, (int folder, const char *path, int to_folder, const char *to),
        TYPES(int, const char *, int, const char *), folder, folder, path, to_folder, to)
ON_PATH(link, RENAME, (const char *path, const char *to), TYPES(const char *, const char *),
        AT_FDCWD, path, to)
