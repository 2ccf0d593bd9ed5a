/* Stands between a process and its files (LD_PRELOAD): fails the n-th call of a kind, records what
 * is written in the order in which the kernel got it, keeps a quota, and shifts the wall clock.
 *
 * Only paths below AKIDB_SHIM_ROOT concern it. The driver of the test reads and writes the same
 * control page, so that a failure is armed at an exact moment and the driver knows how much of the
 * record was there when it sent a request and when it had the reply.
 *
 * A call and its record are one step under one lock: the record has the order of the disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { K_OPEN = 1, K_WRITE = 2, K_SYNC = 4, K_TRUNCATE = 8, K_RENAME = 16, K_UNLINK = 32,
       K_MKDIR = 64, K_READ = 128 };
enum { E_CREATE = 1, E_MKDIR, E_RENAME, E_UNLINK, E_RMDIR, E_LINK, E_WRITE, E_TRUNCATE, E_SYNC };

/* The control page; the driver knows the same layout. */
struct control {
    _Atomic uint64_t records;   /* records written */
    _Atomic uint64_t armed;     /* kinds of calls that may fail, 0 for none */
    _Atomic uint64_t countdown; /* the n-th matching call from now fails */
    _Atomic uint64_t error;     /* errno, or 0 for a write that is cut short */
    _Atomic uint64_t sticky;    /* all matching calls after it fail too */
    _Atomic uint64_t matched;   /* matching calls since it was armed */
    _Atomic uint64_t fired;     /* failures since it was armed */
    _Atomic uint64_t quota;     /* bytes that files may still grow, when bounded */
    _Atomic uint64_t bounded;   /* whether there is a quota */
    _Atomic int64_t clock_s;    /* seconds added to the wall clock */
    _Atomic uint64_t refused;   /* calls that the quota refused */
    char reserved[40];
    char path[128];             /* part of the path of calls that may fail, empty for any */
    char fired_at[512];         /* the first failed call, for people */
};

static struct control *control;
static struct control nothing;
static const char *root;
static size_t root_length;
static int trace_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
    control = &nothing;
    root = getenv("AKIDB_SHIM_ROOT");
    root_length = root ? strlen(root) : 0;
    const char *page = getenv("AKIDB_SHIM_CONTROL");
    if (page) {
        int fd = syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (at != MAP_FAILED) control = at;
            syscall(SYS_close, fd);
        }
    }
    const char *trace = getenv("AKIDB_SHIM_TRACE");
    if (trace)
        trace_fd = syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int concerns(const char *path) {
    return root_length && !strncmp(path, root, root_length) &&
           (path[root_length] == '/' || path[root_length] == 0);
}

/* The path of an open file, 0 where it is none of ours. */
static int path_of(int fd, char *path) {
    char link[40];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 1023);
    errno = saved;
    if (length <= 0) return 0;
    path[length] = 0;
    return concerns(path);
}

/* The absolute path of a name in a folder. */
static int path_at(int folder, const char *name, char *path) {
    if (name[0] == '/' || folder == AT_FDCWD) {
        snprintf(path, 1024, "%s", name);
        return concerns(path);
    }
    if (!path_of(folder, path)) return 0;
    size_t length = strlen(path);
    snprintf(path + length, 1024 - length, "/%s", name);
    return 1;
}

static uint64_t inode_of(int fd) {
    struct stat found;
    int saved = errno;
    uint64_t inode = syscall(SYS_fstat, fd, &found) == 0 ? found.st_ino : 0;
    errno = saved;
    return inode;
}

static int exists(const char *path) {
    int saved = errno;
    int found = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    errno = saved;
    return found;
}

/* A record: kind, inode, offset or size, two lengths, then a name and data (or a second name). */
static void record(uint64_t kind, uint64_t inode, uint64_t at, const char *name, const void *data,
                   size_t length) {
    size_t name_length = name ? strlen(name) : 0;
    uint64_t head[5] = {kind, inode, at, name_length, length};
    int saved = errno;
    if (trace_fd >= 0) {
        struct iovec parts[3] = {{head, sizeof head}, {(void *)name, name_length}, {(void *)data, length}};
        if (syscall(SYS_writev, trace_fd, parts, 3) < 0) abort();
    }
    errno = saved;
    atomic_fetch_add(&control->records, 1);
}

/* Whether this call is to fail; errno is set then, and *cut where it is a write cut short. */
static int fails(uint64_t kind, const char *path, int *cut) {
    if (!(atomic_load(&control->armed) & kind)) return 0;
    if (control->path[0] && !strstr(path, control->path)) return 0;
    uint64_t number = atomic_fetch_add(&control->matched, 1) + 1;
    uint64_t wanted = atomic_load(&control->countdown);
    if (!wanted || number < wanted) return 0;
    if (number > wanted && !atomic_load(&control->sticky)) return 0;
    if (atomic_fetch_add(&control->fired, 1) == 0)
        snprintf(control->fired_at, sizeof control->fired_at, "kind %d %s", (int)kind, path);
    uint64_t error = atomic_load(&control->error);
    if (error == 0) {
        if (cut && kind == K_WRITE) { *cut = 1; return 1; }
        error = EIO;
    }
    errno = (int)error;
    return 1;
}

/* Whether a file may grow to this size; what it grows by is taken from the quota. */
static int grows_beyond(int fd, uint64_t end) {
    if (!atomic_load(&control->bounded)) return 0;
    struct stat found;
    if (syscall(SYS_fstat, fd, &found)) return 0;
    uint64_t size = (uint64_t)found.st_blocks * 512;
    if ((uint64_t)found.st_size > size) size = found.st_size;
    if (end <= size) return 0;
    uint64_t more = end - size, left = atomic_load(&control->quota);
    if (more > left) {
        atomic_fetch_add(&control->refused, 1);
        errno = ENOSPC;
        return 1;
    }
    atomic_store(&control->quota, left - more);
    return 0;
}

static void gives_back(uint64_t bytes) {
    if (atomic_load(&control->bounded)) atomic_fetch_add(&control->quota, bytes);
}

/* Writing */

static ssize_t write_at(int fd, const void *data, size_t length, int64_t at) {
    char path[1024];
    if (fd == trace_fd || !path_of(fd, path))
        return at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
    pthread_mutex_lock(&lock);
    int cut = 0;
    ssize_t done = -1;
    if (!fails(K_WRITE, path, &cut) || cut) {
        int64_t from = at;
        if (from < 0) {
            int flags = syscall(SYS_fcntl, fd, F_GETFL);
            from = syscall(SYS_lseek, fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
        }
        size_t asked = cut ? length / 2 : length;
        if (!grows_beyond(fd, from + asked)) {
            done = at < 0 ? syscall(SYS_write, fd, data, asked) : syscall(SYS_pwrite64, fd, data, asked, at);
            if (done > 0) record(E_WRITE, inode_of(fd), from, NULL, data, done);
        }
        if (cut) { done = -1; errno = EIO; }
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return write_at(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return write_at(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return write_at(fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[1024];
    if (!path_of(fd, path)) return syscall(SYS_writev, fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write_at(fd, parts[i].iov_base, parts[i].iov_len, -1);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

/* Copies within the kernel are refused, so that callers write instead. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    char path[1024];
    if (!path_of(to, path)) return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t length) {
    char path[1024];
    if (!path_of(to, path)) return syscall(SYS_sendfile, to, from, at, length);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) { return sendfile64(to, from, (off64_t *)at, length); }

static int truncate_to(int fd, int64_t size) {
    char path[1024];
    if (!path_of(fd, path)) return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_TRUNCATE, path, NULL)) {
        struct stat found = {0};
        syscall(SYS_fstat, fd, &found);
        result = syscall(SYS_ftruncate, fd, size);
        if (result == 0) {
            if (size < found.st_size) gives_back(found.st_size - size);
            record(E_TRUNCATE, inode_of(fd), size, NULL, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t size) { return truncate_to(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_to(fd, size); }

static int allocate(int fd, int mode, int64_t at, int64_t length) {
    char path[1024];
    if (!path_of(fd, path)) return syscall(SYS_fallocate, fd, mode, at, length) ? errno : 0;
    pthread_mutex_lock(&lock);
    int result = 0;
    if (fails(K_WRITE, path, NULL) || (!mode && grows_beyond(fd, at + length))) {
        result = errno;
    } else if (syscall(SYS_fallocate, fd, mode, at, length)) {
        result = errno;
    } else {
        struct stat found = {0};
        syscall(SYS_fstat, fd, &found);
        if (!mode) record(E_TRUNCATE, inode_of(fd), found.st_size, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int posix_fallocate(int fd, off_t at, off_t length) { return allocate(fd, 0, at, length); }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return allocate(fd, 0, at, length); }
int fallocate(int fd, int mode, off_t at, off_t length) {
    int error = allocate(fd, mode, at, length);
    if (error) errno = error;
    return error ? -1 : 0;
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }

/* Syncing */

static int sync_file(int fd, int number) {
    char path[1024];
    if (!path_of(fd, path)) return syscall(number, fd);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_SYNC, path, NULL)) {
        /* Nothing here survives the machine, so that the real disk need not be waited for. */
        result = 0;
        record(E_SYNC, inode_of(fd), 0, path, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

/* Names */

static int open_at(int folder, const char *name, int flags, mode_t mode) {
    char path[1024];
    if (!path_at(folder, name, path)) return syscall(SYS_openat, folder, name, flags, mode);
    pthread_mutex_lock(&lock);
    int fd = -1;
    if (!fails(K_OPEN, path, NULL)) {
        int is_new = (flags & O_CREAT) && !exists(path);
        uint64_t left = atomic_load(&control->quota);
        if (is_new && atomic_load(&control->bounded) && left < 4096) {
            atomic_fetch_add(&control->refused, 1);
            errno = ENOSPC;
        } else {
            struct stat found = {0};
            if (flags & O_TRUNC) syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0);
            fd = syscall(SYS_openat, folder, name, flags, mode);
            if (fd >= 0 && is_new) record(E_CREATE, inode_of(fd), 0, path, NULL, 0);
            if (fd >= 0 && !is_new && (flags & O_TRUNC)) {
                gives_back(found.st_size);
                record(E_TRUNCATE, inode_of(fd), 0, NULL, NULL, 0);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list list) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}
#define OPEN(folder) \
    va_list list; va_start(list, flags); mode_t mode = mode_of(flags, list); va_end(list); \
    return open_at(folder, name, flags, mode)
int open(const char *name, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *name, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int folder, const char *name, int flags, ...) { OPEN(folder); }
int openat64(int folder, const char *name, int flags, ...) { OPEN(folder); }

static int make_folder(int folder, const char *name, mode_t mode) {
    char path[1024];
    if (!path_at(folder, name, path)) return syscall(SYS_mkdirat, folder, name, mode);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_MKDIR, path, NULL)) {
        result = syscall(SYS_mkdirat, folder, name, mode);
        struct stat found = {0};
        if (result == 0 && syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0) == 0)
            record(E_MKDIR, found.st_ino, 0, path, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int mkdir(const char *name, mode_t mode) { return make_folder(AT_FDCWD, name, mode); }
int mkdirat(int folder, const char *name, mode_t mode) { return make_folder(folder, name, mode); }

static int remove_name(int folder, const char *name, int flags) {
    char path[1024];
    if (!path_at(folder, name, path)) return syscall(SYS_unlinkat, folder, name, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_UNLINK, path, NULL)) {
        struct stat found = {0};
        syscall(SYS_newfstatat, AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW);
        result = syscall(SYS_unlinkat, folder, name, flags);
        if (result == 0) {
            if (found.st_nlink <= 1) gives_back(found.st_size);
            record(flags & AT_REMOVEDIR ? E_RMDIR : E_UNLINK, found.st_ino, 0, path, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int unlink(const char *name) { return remove_name(AT_FDCWD, name, 0); }
int unlinkat(int folder, const char *name, int flags) { return remove_name(folder, name, flags); }
int rmdir(const char *name) { return remove_name(AT_FDCWD, name, AT_REMOVEDIR); }

static int move_name(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char old[1024], new[1024];
    int ours = path_at(from_folder, from, old);
    if (!path_at(to_folder, to, new) || !ours)
        return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_RENAME, new, NULL)) {
        result = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
        if (result == 0) record(E_RENAME, 0, 0, old, new, strlen(new));
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int rename(const char *from, const char *to) { return move_name(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return move_name(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return move_name(a, from, b, to, flags); }

static int link_name(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char old[1024], new[1024];
    int ours = path_at(from_folder, from, old);
    if (!path_at(to_folder, to, new) || !ours)
        return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(K_RENAME, new, NULL)) {
        result = syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
        if (result == 0) record(E_LINK, 0, 0, old, new, strlen(new));
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int link(const char *from, const char *to) { return link_name(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return link_name(a, from, b, to, flags); }

/* Reading */

ssize_t pread64(int fd, void *data, size_t length, off64_t at) {
    char path[1024];
    if ((atomic_load(&control->armed) & K_READ) && path_of(fd, path) && fails(K_READ, path, NULL)) return -1;
    return syscall(SYS_pread64, fd, data, length, at);
}
ssize_t pread(int fd, void *data, size_t length, off_t at) { return pread64(fd, data, length, at); }

/* The wall clock */

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real_clock_gettime(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && control) time->tv_sec += atomic_load(&control->clock_s);
    return result;
}
