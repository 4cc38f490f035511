/*
 * Pagewalk's recorder inside qemu-user: a TCG plugin that writes every instruction fetch, load, store and system call of an
 * x86-64 guest to a pipe. Compiled on first use by io.pagewalk.workload.record.Qemu and read by io.pagewalk.workload.read.QemuReader,
 * whose class comment draws the stream format.
 *
 * Arguments: out=PATH (a FIFO or file), or layout=1 (leave before the first guest instruction: qemu's own -d page log then
 * holds the layout that the program would have started with).
 *
 * qemu-plugin.h is not packaged by Debian, so the functions used are declared here, as of plugin API version 1.
 *
 * Threads. Each vCPU appends to its own buffer without a lock; whoever holds the lock may write out what others have appended.
 * A system call writes out all buffers before it starts and before its result, so that an access made before another thread's
 * munmap stands before that munmap in the stream. Between system calls the threads follow each other in buffer-sized stretches.
 *
 * Processes. A forked child inherits the plugin; it falls silent at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

typedef uint64_t plugin_id;
typedef uint32_t mem_info;
struct tb;
struct insn;
#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_init_cb(plugin_id, void (*)(plugin_id, unsigned));
void qemu_plugin_register_vcpu_exit_cb(plugin_id, void (*)(plugin_id, unsigned));
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct tb *));
size_t qemu_plugin_tb_n_insns(const struct tb *);
struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct insn *);
size_t qemu_plugin_insn_size(const struct insn *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct insn *, void (*)(unsigned, mem_info, uint64_t, void *), int, int, void *);
unsigned qemu_plugin_mem_size_shift(mem_info);
bool qemu_plugin_mem_is_store(mem_info);
void qemu_plugin_register_vcpu_syscall_cb(
    plugin_id,
    void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_vcpu_syscall_ret_cb(plugin_id, void (*)(plugin_id, unsigned, int64_t, int64_t));
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern uintptr_t guest_base __attribute__((weak));

enum { MAX_VCPUS = 4096, WORDS = 1 << 16, PATH_BYTES = 4096, PREFERRED_FD = 900 };
enum { FRAME_RECORDS = 1, FRAME_BLOCK = 2, FRAME_CALL = 3, FRAME_RESULT = 4, FRAME_BEGIN = 5, FRAME_END = 6 };
enum { RECORD_BLOCK = 0, RECORD_LOAD = 1, RECORD_STORE = 2, NO_CALLBACK_FLAGS = 0, MEM_READ_AND_WRITE = 3 };
#define MAGIC 0x31554d4551575000ull /* "\0PWQEMU1" */
#define ADDRESS_BITS 47

/* Lies in a file that outlives the process: a program killed by a signal never reaches its exit, and the recorder reads the rest there. */
struct vcpu {
    uint64_t filled;    /* appended by the owner */
    uint64_t written;   /* already in the stream; guarded by the lock */
    uint64_t announced; /* the reader knows which clone made it; guarded by the lock */
    uint64_t words[WORDS];
};

static struct vcpu *vcpus[MAX_VCPUS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t announcement = PTHREAD_COND_INITIALIZER;
static __thread unsigned born; /* vCPU that this thread's clone has made, plus one */
static unsigned limit;         /* highest vCPU index so far, plus one */
static volatile bool silent;
static bool layout_only;
static uint64_t blocks;
static int out = -1;
static const char *out_path;

/* A recorder that has gone away ends the program too: nobody would read the rest. */
static void write_out(struct iovec *v, int n) {
    while (n > 0) {
        ssize_t w = writev(out, v, n);
        if (w < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) { usleep(1000); continue; }
            _exit(125);
        }
        while (n > 0 && (size_t) w >= v->iov_len) { w -= v->iov_len; v++; n--; }
        if (n > 0) { v->iov_base = (char *) v->iov_base + w; v->iov_len -= w; }
    }
}

static void frame(int type, unsigned vcpu, const uint64_t *words, size_t n) {
    uint64_t head = ((uint64_t) type << 56) | ((uint64_t) vcpu << 32) | n;
    struct iovec v[2] = {{&head, 8}, {(void *) words, n * 8}};
    write_out(v, n ? 2 : 1);
}

static void drain(unsigned c) {
    struct vcpu *x = vcpus[c];
    if (!x || !x->announced) return;
    size_t filled = __atomic_load_n(&x->filled, __ATOMIC_ACQUIRE);
    if (filled > x->written) frame(FRAME_RECORDS, c, x->words + x->written, filled - x->written);
    x->written = filled;
}

/* A thread's first words wait until the clone that made it has its result in the stream. */
static void await_announcement(unsigned c) {
    while (!vcpus[c]->announced) pthread_cond_wait(&announcement, &lock);
}

static void full(unsigned c) {
    struct vcpu *x = vcpus[c];
    if (!silent) {
        pthread_mutex_lock(&lock);
        await_announcement(c);
        drain(c);
        x->filled = x->written = 0;
        pthread_mutex_unlock(&lock);
    } else {
        x->filled = x->written = 0;
    }
}

static inline void put(unsigned c, uint64_t word) {
    struct vcpu *x = vcpus[c];
    size_t i = x->filled;
    x->words[i] = word;
    __atomic_store_n(&x->filled, i + 1, __ATOMIC_RELEASE);
    if (__builtin_expect(i + 1 == WORDS, 0)) full(c);
}

static void on_block(unsigned c, void *user) {
    put(c, (uint64_t) user);
}

static void on_memory(unsigned c, mem_info m, uint64_t vaddr, void *user) {
    uint64_t kind = qemu_plugin_mem_is_store(m) ? RECORD_STORE : RECORD_LOAD;
    put(c, (kind << 60) | ((uint64_t) qemu_plugin_mem_size_shift(m) << 56) | (uint64_t) user
        | (vaddr & ((1ull << ADDRESS_BITS) - 1)));
}

static void on_translation(plugin_id id, struct tb *tb) {
    if (layout_only) {
        fflush(NULL);
        _exit(0);
    }
    if (silent) return;
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t words[2 + 512] = {0};
    unsigned char *sizes = (unsigned char *) (words + 2);
    if (n > 512) n = 512;
    pthread_mutex_lock(&lock);
    words[0] = blocks++;
    words[1] = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    for (size_t i = 0; i < n; i++) sizes[i] = qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, i));
    frame(FRAME_BLOCK, n, words, 2 + (n + 7) / 8);
    pthread_mutex_unlock(&lock);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_CALLBACK_FLAGS, (void *) words[0]);
    for (size_t i = 0; i < n; i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_memory, NO_CALLBACK_FLAGS, MEM_READ_AND_WRITE,
            (void *) ((uint64_t) i << ADDRESS_BITS));
    }
}

/* Which argument of the x86-64 call names a path: its index, or -1. */
static int path_argument(int64_t number) {
    switch (number) {
        case 2: case 4: case 6: case 21: case 59: case 76: case 80: case 82: case 83: case 84: case 85: case 86: case 87: case 88:
        case 89: case 90: case 92: case 94: case 133: case 134: case 137: case 155: case 161: case 163: case 167: case 168:
        case 188: case 189: case 191: case 192: case 194: case 195: case 197: case 198: case 235: case 319:
            return 0;
        case 254: case 257: case 258: case 259: case 260: case 261: case 262: case 263: case 264: case 265: case 267: case 268:
        case 269: case 280: case 316: case 322: case 332: case 437: case 439: case 452:
            return 1;
        default:
            return -1;
    }
}

/* Reads a string of the guest without trusting its address. Returns its length. */
static size_t guest_string(uint64_t vaddr, char *to) {
    size_t n = 0;
    uintptr_t base = &guest_base ? guest_base : 0;
    while (n < PATH_BYTES) {
        size_t part = 4096 - ((base + vaddr + n) & 4095);
        if (part > PATH_BYTES - n) part = PATH_BYTES - n;
        struct iovec here = {to + n, part}, there = {(void *) (base + vaddr + n), part};
        ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
        if (got <= 0) break;
        char *end = memchr(to + n, 0, got);
        if (end) return end - to;
        n += got;
    }
    return n;
}

static void drain_all(void) {
    for (unsigned i = 0; i < limit; i++) drain(i);
}

static void on_call(plugin_id id, unsigned c, int64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
    uint64_t a5, uint64_t a6, uint64_t a7) {
    if (silent) return;
    uint64_t words[8 + PATH_BYTES / 8] = {number, a0, a1, a2, a3, a4, a5, 0};
    int path = path_argument(number);
    if (path >= 0 && words[1 + path]) words[7] = guest_string(words[1 + path], (char *) (words + 8));
    born = 0;
    pthread_mutex_lock(&lock);
    await_announcement(c);
    drain_all();
    frame(FRAME_CALL, c, words, 8 + (words[7] + 7) / 8);
    pthread_mutex_unlock(&lock);
}

static void on_result(plugin_id id, unsigned c, int64_t number, int64_t result) {
    if (silent) return;
    uint64_t words[3] = {number, result, born};
    pthread_mutex_lock(&lock);
    drain_all();
    frame(FRAME_RESULT, c, words, 3);
    if (born) {
        vcpus[born - 1]->announced = true;
        born = 0;
        pthread_cond_broadcast(&announcement);
    }
    pthread_mutex_unlock(&lock);
}

/* Returns zeroed memory in the file out=PATH.N, or ordinary memory when there is no room for a file. */
static struct vcpu *new_vcpu(unsigned c) {
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s.%u", out_path, c);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;
    if (fd >= 0 && posix_fallocate(fd, 0, sizeof(struct vcpu)) == 0) {
        at = mmap(NULL, sizeof(struct vcpu), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (fd >= 0) close(fd);
    return at == MAP_FAILED ? calloc(1, sizeof(struct vcpu)) : at;
}

/* Runs in the thread that clones, before the new thread has executed anything. */
static void on_vcpu(plugin_id id, unsigned c) {
    if (c >= MAX_VCPUS) {
        fprintf(stderr, "pagewalk: more than %d threads at once\n", MAX_VCPUS);
        _exit(125);
    }
    pthread_mutex_lock(&lock);
    if (!vcpus[c]) vcpus[c] = new_vcpu(c);
    if (!vcpus[c]) {
        fprintf(stderr, "pagewalk: no memory for a thread's buffer\n");
        _exit(125);
    }
    vcpus[c]->filled = vcpus[c]->written = 0;
    vcpus[c]->announced = limit == 0;
    if (c >= limit) limit = c + 1;
    pthread_mutex_unlock(&lock);
    born = c + 1;
}

static void on_vcpu_exit(plugin_id id, unsigned c) {
    if (silent || c >= limit || !vcpus[c]) return;
    pthread_mutex_lock(&lock);
    drain(c);
    pthread_mutex_unlock(&lock);
}

static void on_exit_of_qemu(plugin_id id, void *user) {
    if (silent) return;
    pthread_mutex_lock(&lock);
    drain_all();
    frame(FRAME_END, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
}

/* The buffers are shared with the parent: the child gets some of its own. */
static void on_fork_in_child(void) {
    silent = true;
    close(out);
    for (unsigned i = 0; i < limit; i++) {
        struct vcpu *own = vcpus[i] ? calloc(1, sizeof(struct vcpu)) : NULL;
        if (vcpus[i] && !own) _exit(125);
        vcpus[i] = own;
    }
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) out_path = strdup(argv[i] + 4);
        if (!strncmp(argv[i], "layout", 6)) layout_only = true;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (layout_only) return 0;
    int low = out_path ? open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (low < 0) {
        fprintf(stderr, "pagewalk: cannot open %s: %s\n", out_path ? out_path : "out=", strerror(errno));
        return -1;
    }
    out = fcntl(low, F_DUPFD_CLOEXEC, PREFERRED_FD); /* away from the guest's own descriptors */
    if (out < 0) out = low; else close(low);
    fcntl(out, 1031 /* F_SETPIPE_SZ */, 1 << 20);
    uint64_t magic = MAGIC, begin[2] = {1, getpid()};
    struct iovec v = {&magic, 8};
    write_out(&v, 1);
    frame(FRAME_BEGIN, 0, begin, 2);
    pthread_atfork(NULL, NULL, on_fork_in_child);
    qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
    qemu_plugin_register_vcpu_exit_cb(id, on_vcpu_exit);
    qemu_plugin_register_vcpu_syscall_cb(id, on_call);
    qemu_plugin_register_vcpu_syscall_ret_cb(id, on_result);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return 0;
}
