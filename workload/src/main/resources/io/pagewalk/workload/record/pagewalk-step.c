/*
 * Pagewalk's recorder by single steps: runs an x86-64 program natively under ptrace, one instruction at a time, and writes every instruction fetch, load, store and
 * system call in the stream format of io.pagewalk.workload.read.QemuReader, whose class comment draws it. The program has the addresses, the C library functions, the [vdso] and the
 * system calls that it has without a recorder. Needs the disassembler library capstone; some 200,000 instructions a second.
 *
 * usage: pagewalk-step trace STREAM LAYOUT COMMAND [ARGUMENT...]   record; LAYOUT receives the memory map at the first instruction
 *        pagewalk-step watch STREAM LAYOUT COMMAND [ARGUMENT...]   run at full speed; LAYOUT also receives the map at the end, and the page faults in between
 *
 * A LAYOUT is text: "start" or "end", a line "entry HEX sp HEX brk HEX minor N major N", the lines of /proc/PID/maps, and a line "." .
 *
 * Threads are stepped side by side and their records follow each other in the order in which they stopped. Forked children run unrecorded; a program that replaces itself by execve runs on unrecorded.
 */
#define _GNU_SOURCE
#include <capstone/capstone.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC 0x31554d4551575000ull /* "\0PWQEMU1" */
enum { FRAME_RECORDS = 1, FRAME_BLOCK = 2, FRAME_CALL = 3, FRAME_RESULT = 4, FRAME_BEGIN = 5, FRAME_END = 6 };
enum { LOAD = 1, STORE = 2 };
enum { MAX_THREADS = 256, WORDS = 4096, PATH_BYTES = 4096, MAX_OPERANDS = 6, CACHE_BITS = 18, MAX_PIECES = 64 };

static void fail(const char *what) {
    fprintf(stderr, "pagewalk-step: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* What one instruction touches: base + index * scale + disp + segment, or an implicit place. */
struct operand {
    uint8_t kind; /* LOAD, STORE or both */
    uint8_t log2;
    uint8_t pieces; /* how often, one behind the other */
    uint8_t base, index, segment;
    int32_t scale;
    int64_t disp;
};

struct instruction {
    uint64_t address;
    uint64_t epoch;
    uint64_t block;
    uint8_t size, is_call, is_string, operands;
    struct operand operand[MAX_OPERANDS];
};

struct thread {
    pid_t tid;
    unsigned vcpu;
    int in_call, announced;
    uint64_t number;
    size_t filled;
    uint64_t words[WORDS];
};

/* Indexes into struct user_regs_struct. */
enum { R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI, ORIG_RAX, RIP, CS, EFLAGS, RSP, SS, FS_BASE, GS_BASE, NONE = 255, NEXT_RIP = 254 };

static struct instruction *cache;
static uint64_t epoch = 1, blocks;
static struct thread *threads[MAX_THREADS];
static unsigned vcpus;
static int out;
static csh disassembler;
static cs_insn *scratch;

static void write_all(const void *data, size_t bytes) {
    const char *p = data;
    while (bytes) {
        ssize_t n = write(out, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("cannot write the stream");
        p += n;
        bytes -= n;
    }
}

static void frame(int type, unsigned vcpu, const uint64_t *words, size_t n) {
    uint64_t head = ((uint64_t) type << 56) | ((uint64_t) vcpu << 32) | n;
    write_all(&head, 8);
    write_all(words, n * 8);
}

static void drain(struct thread *t) {
    if (t->filled) frame(FRAME_RECORDS, t->vcpu, t->words, t->filled);
    t->filled = 0;
}

static void put(struct thread *t, uint64_t word) {
    if (t->filled == WORDS) drain(t);
    t->words[t->filled++] = word;
}

static uint8_t reg_of(x86_reg reg) {
    switch (reg) {
        case X86_REG_RAX: case X86_REG_EAX: return RAX;
        case X86_REG_RBX: case X86_REG_EBX: return RBX;
        case X86_REG_RCX: case X86_REG_ECX: return RCX;
        case X86_REG_RDX: case X86_REG_EDX: return RDX;
        case X86_REG_RSI: case X86_REG_ESI: return RSI;
        case X86_REG_RDI: case X86_REG_EDI: return RDI;
        case X86_REG_RBP: case X86_REG_EBP: return RBP;
        case X86_REG_RSP: case X86_REG_ESP: return RSP;
        case X86_REG_R8: case X86_REG_R8D: return R8;
        case X86_REG_R9: case X86_REG_R9D: return R9;
        case X86_REG_R10: case X86_REG_R10D: return R10;
        case X86_REG_R11: case X86_REG_R11D: return R11;
        case X86_REG_R12: case X86_REG_R12D: return R12;
        case X86_REG_R13: case X86_REG_R13D: return R13;
        case X86_REG_R14: case X86_REG_R14D: return R14;
        case X86_REG_R15: case X86_REG_R15D: return R15;
        case X86_REG_RIP: case X86_REG_EIP: return NEXT_RIP;
        case X86_REG_FS: return FS_BASE;
        case X86_REG_GS: return GS_BASE;
        default: return NONE;
    }
}

static void add(struct instruction *i, int kind, uint8_t base, int64_t disp, int bytes) {
    if (i->operands == MAX_OPERANDS) return;
    int log2 = 0;
    while (log2 < 6 && (2 << log2) <= bytes) log2++;
    int pieces = (bytes + (1 << log2) - 1) >> log2;
    i->operand[i->operands++] = (struct operand) {kind, log2, pieces > MAX_PIECES ? MAX_PIECES : pieces, base, NONE, NONE, 1, disp};
}

/* The bytes of the legacy area and the header of XSAVE; what lies behind is on the same or the next page of a stack that is in use anyhow. */
enum { XSAVE_BYTES = 576, FXSAVE_BYTES = 512, FENV_BYTES = 28, FSAVE_BYTES = 108 };

/* Capstone 4 has no or the wrong access for vector moves, TEST and CMPXCHG. */
static int access_kind(const cs_insn *in, int operand, int kind) {
    static const char *const stores[] = {"mov", "vmov", "vextract", "pextr", "extractps", "vpextr", "vpmov", "vmaskmov", "vpmaskmov", "maskmov", "vpscatter", "vscatter", "vcompress", "vpcompress", "vcvtps2ph"};
    if (operand > 0) return kind ? kind : LOAD;
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (!strncmp(in->mnemonic, stores[i], strlen(stores[i]))) return STORE;
    if (strstr(in->mnemonic, "cmpxchg")) return LOAD | STORE;
    if (in->id == X86_INS_TEST) return LOAD;
    return kind ? kind : STORE;
}

static void explicit_operands(struct instruction *i, const cs_insn *in) {
    const cs_x86 *x = &in->detail->x86;
    for (int n = 0; n < x->op_count; n++) {
        const cs_x86_op *op = &x->operands[n];
        if (op->type != X86_OP_MEM) continue;
        int kind = (op->access & CS_AC_READ ? LOAD : 0) | (op->access & CS_AC_WRITE ? STORE : 0);
        int bytes = op->size;
        switch (in->id) {
            case X86_INS_XSAVE: case X86_INS_XSAVE64: case X86_INS_XSAVEC: case X86_INS_XSAVEC64: case X86_INS_XSAVEOPT: case X86_INS_XSAVEOPT64:
                kind = STORE, bytes = XSAVE_BYTES; break;
            case X86_INS_XRSTOR: case X86_INS_XRSTOR64: kind = LOAD, bytes = XSAVE_BYTES; break;
            case X86_INS_FXSAVE: case X86_INS_FXSAVE64: kind = STORE, bytes = FXSAVE_BYTES; break;
            case X86_INS_FXRSTOR: case X86_INS_FXRSTOR64: kind = LOAD, bytes = FXSAVE_BYTES; break;
            case X86_INS_FNSTENV: kind = STORE, bytes = FENV_BYTES; break;
            case X86_INS_FLDENV: kind = LOAD, bytes = FENV_BYTES; break;
            case X86_INS_FNSAVE: kind = STORE, bytes = FSAVE_BYTES; break;
            default: break;
        }
        kind = access_kind(in, n, kind);
        if (i->operands == MAX_OPERANDS) return;
        add(i, kind, reg_of(op->mem.base), op->mem.disp, bytes ? bytes : 1);
        struct operand *o = &i->operand[i->operands - 1];
        o->index = reg_of(op->mem.index);
        o->scale = op->mem.scale;
        o->segment = reg_of(op->mem.segment);
        if (op->mem.segment != X86_REG_FS && op->mem.segment != X86_REG_GS) o->segment = NONE;
    }
}

static void decode(struct instruction *i, const uint8_t *bytes, size_t n) {
    const uint8_t *code = bytes;
    uint64_t address = i->address;
    i->operands = i->is_call = i->is_string = 0;
    if (!cs_disasm_iter(disassembler, &code, &n, &address, scratch)) {
        i->size = 1;
        /* Instructions newer than the library: their length is learnt from the next stop, their accesses are not seen. */
        return;
    }
    i->size = scratch->size;
    int id = scratch->id;
    switch (id) {
        case X86_INS_SYSCALL: i->is_call = 1; return;
        case X86_INS_LEA: case X86_INS_NOP: case X86_INS_PREFETCH: case X86_INS_PREFETCHNTA: case X86_INS_PREFETCHT0: case X86_INS_PREFETCHT1:
        case X86_INS_PREFETCHT2: case X86_INS_PREFETCHW: case X86_INS_INVLPG:
            return;
        case X86_INS_PUSH: case X86_INS_PUSHFQ:
            explicit_operands(i, scratch);
            add(i, STORE, RSP, -8, 8);
            return;
        case X86_INS_POP: case X86_INS_POPFQ:
            add(i, LOAD, RSP, 0, 8);
            explicit_operands(i, scratch);
            return;
        case X86_INS_CALL:
            explicit_operands(i, scratch);
            add(i, STORE, RSP, -8, 8);
            return;
        case X86_INS_RET: add(i, LOAD, RSP, 0, 8); return;
        case X86_INS_LEAVE: add(i, LOAD, RBP, 0, 8); return;
        case X86_INS_MOVSB: case X86_INS_MOVSW: case X86_INS_MOVSQ: case X86_INS_STOSB: case X86_INS_STOSW: case X86_INS_STOSD: case X86_INS_STOSQ:
        case X86_INS_LODSB: case X86_INS_LODSW: case X86_INS_LODSD: case X86_INS_LODSQ: case X86_INS_SCASB: case X86_INS_SCASW: case X86_INS_SCASD:
        case X86_INS_SCASQ: case X86_INS_CMPSB: case X86_INS_CMPSW: case X86_INS_CMPSQ:
            i->is_string = scratch->detail->x86.prefix[0] == X86_PREFIX_REP || scratch->detail->x86.prefix[0] == X86_PREFIX_REPNE;
            break;
        default: break;
    }
    explicit_operands(i, scratch);
}

static size_t read_memory(pid_t pid, uint64_t from, void *to, size_t bytes) {
    struct iovec here = {to, bytes}, there = {(void *) from, bytes};
    ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (n < 0 && bytes > 4096 - (from & 4095)) {
        here.iov_len = there.iov_len = 4096 - (from & 4095);
        n = process_vm_readv(pid, &here, 1, &there, 1, 0);
    }
    return n < 0 ? 0 : n;
}

static struct instruction *at(struct thread *t, uint64_t address) {
    struct instruction *i = &cache[(address * 0x9e3779b97f4a7c15ull) >> (64 - CACHE_BITS)];
    if (i->address == address && i->epoch == epoch) return i;
    uint8_t bytes[16];
    size_t n = read_memory(t->tid, address, bytes, 15);
    i->address = address;
    i->epoch = epoch;
    decode(i, bytes, n);
    uint64_t words[3] = {i->block = blocks++, address, i->size};
    frame(FRAME_BLOCK, 1, words, 3);
    return i;
}

static int path_argument(uint64_t number) {
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

static size_t string(pid_t pid, uint64_t from, char *to) {
    size_t n = 0;
    while (n < PATH_BYTES) {
        size_t part = 4096 - ((from + n) & 4095);
        if (part > PATH_BYTES - n) part = PATH_BYTES - n;
        size_t got = read_memory(pid, from + n, to + n, part);
        if (!got) break;
        char *end = memchr(to + n, 0, got);
        if (end) return end - to;
        n += got;
    }
    return n;
}

static void begin_call(struct thread *t, const uint64_t *r) {
    uint64_t words[8 + PATH_BYTES / 8] = {r[RAX], r[RDI], r[RSI], r[RDX], r[R10], r[R8], r[R9], 0};
    int path = path_argument(r[RAX]);
    if (path >= 0 && words[1 + path]) words[7] = string(t->tid, words[1 + path], (char *) (words + 8));
    for (unsigned i = 0; i < vcpus; i++) if (threads[i]) drain(threads[i]);
    frame(FRAME_CALL, t->vcpu, words, 8 + (words[7] + 7) / 8);
    t->in_call = 1;
    t->number = r[RAX];
}

static void end_call(struct thread *t, uint64_t result, unsigned born) {
    uint64_t words[3] = {t->number, result, born};
    for (unsigned i = 0; i < vcpus; i++) if (threads[i]) drain(threads[i]);
    frame(FRAME_RESULT, t->vcpu, words, 3);
    t->in_call = 0;
    switch (t->number) {
        case 9: case 10: case 11: case 25: case 30: case 216: epoch++; break; /* the program's text may have changed */
        default: break;
    }
}

static void step_begins(struct thread *t) {
    struct user_regs_struct regs;
    if (ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0) return;
    const uint64_t *r = (const uint64_t *) &regs;
    if (t->in_call) {
        end_call(t, r[RAX], 0);
    }
    struct instruction *i = at(t, r[RIP]);
    put(t, i->block);
    if (i->is_call) {
        begin_call(t, r);
        return;
    }
    if (i->is_string && r[RCX] == 0) return;
    for (int n = 0; n < i->operands; n++) {
        const struct operand *o = &i->operand[n];
        uint64_t address = o->disp + (o->base == NONE ? 0 : o->base == NEXT_RIP ? r[RIP] + i->size : r[o->base]) + (o->index == NONE ? 0 : r[o->index] * o->scale)
            + (o->segment == NONE ? 0 : r[o->segment]);
        for (int piece = 0; piece < o->pieces; piece++, address += 1ull << o->log2)
            for (int kind = LOAD; kind <= STORE; kind++)
                if (o->kind & kind) put(t, ((uint64_t) kind << 60) | ((uint64_t) o->log2 << 56) | (address & ((1ull << 47) - 1)));
    }
}

static struct thread *new_thread(pid_t tid) {
    if (vcpus == MAX_THREADS) { errno = EAGAIN; fail("too many threads"); }
    struct thread *t = calloc(1, sizeof *t);
    if (!t) fail("no memory");
    t->tid = tid;
    t->vcpu = vcpus;
    return threads[vcpus++] = t;
}

static struct thread *thread_of(pid_t tid) {
    for (unsigned i = 0; i < vcpus; i++) if (threads[i] && threads[i]->tid == tid) return threads[i];
    return NULL;
}

static void describe(pid_t pid, const char *path, const char *when) {
    char name[64], line[4096];
    struct user_regs_struct regs = {0};
    unsigned long minor = 0, major = 0, brk = 0;
    ptrace(PTRACE_GETREGS, pid, 0, &regs);
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *f = fopen(name, "r");
    if (!f || !fgets(line, sizeof line, f)) fail(name);
    fclose(f);
    char *p = strrchr(line, ')');
    int field = 2;
    for (p = p ? strtok(p + 1, " ") : NULL; p; p = strtok(NULL, " ")) {
        field++;
        if (field == 10) minor = strtoul(p, 0, 10);
        if (field == 12) major = strtoul(p, 0, 10);
        if (field == 47) brk = strtoul(p, 0, 10);
    }
    FILE *to = fopen(path, strcmp(when, "start") ? "a" : "w");
    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    f = fopen(name, "r");
    if (!to || !f) fail(path);
    fprintf(to, "%s\nentry %llx sp %llx brk %lx minor %lu major %lu\n", when, regs.rip, regs.rsp, brk, minor, major);
    while (fgets(line, sizeof line, f)) fputs(line, to);
    fputs(".\n", to);
    fclose(f);
    if (fclose(to)) fail(path);
}

static int status_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    if (argc < 5 || (strcmp(argv[1], "trace") && strcmp(argv[1], "watch"))) {
        fprintf(stderr, "usage: pagewalk-step trace|watch STREAM LAYOUT COMMAND [ARGUMENT...]\n");
        return 2;
    }
    int is_watch = !strcmp(argv[1], "watch");
    pid_t pid = fork();
    if (pid == 0) {
        personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[4], argv + 4);
        fail(argv[4]);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) fail("the program did not stop");
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | (is_watch ? PTRACE_O_TRACEEXIT : 0));
    do {
        ptrace(PTRACE_CONT, pid, 0, 0);
        if (waitpid(pid, &status, 0) != pid || WIFEXITED(status) || WIFSIGNALED(status)) return status_of(status);
    } while (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8));
    describe(pid, argv[3], "start");
    if (is_watch) {
        for (;;) {
            ptrace(PTRACE_CONT, pid, 0, WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0);
            if (waitpid(pid, &status, 0) != pid) fail("wait");
            if (WIFEXITED(status) || WIFSIGNALED(status)) return status_of(status);
            if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) describe(pid, argv[3], "end");
        }
    }
    out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) fail(argv[2]);
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler) != CS_ERR_OK) { errno = ENOSYS; fail("capstone"); }
    cs_option(disassembler, CS_OPT_DETAIL, CS_OPT_ON);
    scratch = cs_malloc(disassembler);
    cache = calloc(1 << CACHE_BITS, sizeof *cache);
    uint64_t magic = MAGIC, begin[2] = {1, pid};
    write_all(&magic, 8);
    frame(FRAME_BEGIN, 0, begin, 2);
    struct thread *leader = new_thread(pid);
    step_begins(leader);
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    for (;;) {
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0) break;
        struct thread *t = thread_of(tid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (t) {
                drain(t);
                threads[t->vcpu] = NULL;
            }
            if (tid == pid) {
                frame(FRAME_END, 0, NULL, 0);
                return status_of(status);
            }
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16;
        if (event == PTRACE_EVENT_EXEC) {
            ptrace(PTRACE_DETACH, tid, 0, 0);
            close(out);
            waitpid(pid, &status, 0);
            return status_of(status);
        }
        if (event == PTRACE_EVENT_CLONE) {
            unsigned long child = 0;
            ptrace(PTRACE_GETEVENTMSG, tid, 0, &child);
            struct thread *born = thread_of(child);
            if (!born) born = new_thread(child);
            born->announced = 1;
            if (t) end_call(t, child, born->vcpu + 1);
            ptrace(PTRACE_SINGLESTEP, tid, 0, 0);
            continue;
        }
        if (!t || (signal == SIGSTOP && !t->announced && t != leader)) {
            /* The first stop of a new thread: it may come before its parent's event. */
            if (!t) t = new_thread(tid);
            signal = SIGTRAP;
        }
        if (signal == SIGTRAP || signal == SIGSTOP) {
            step_begins(t);
            signal = 0;
        }
        ptrace(PTRACE_SINGLESTEP, tid, 0, signal);
    }
    return 125;
}
