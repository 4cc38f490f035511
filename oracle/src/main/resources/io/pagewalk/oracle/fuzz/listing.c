#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* Each line is printed as: slot, call and arguments -> result, signal and si_code, minor faults, major faults, value.
   What is written between two counts of faults lies in one shared mapping, which fork does not copy. */
#define SLOTS 16
#define S ((struct shared *) 0x200000000UL)
#define SHARED_FD 201
#define HEAP 0x402000L /* where the heap of the program began that made the history */

struct shared {
    volatile int turn, pid[SLOTS];
    volatile int signal;
    long heap, segments[8];
    struct rusage before, after;
    sigjmp_buf back;
    unsigned char vec[65536];
    unsigned char stack[SLOTS][65536], signal_stack[SLOTS][65536];
};

extern char __executable_start[], etext[];
static void steps(int slot, int turn);
static int owner(int turn);

static long raw(long n, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    S->signal = number << 8 | (info->si_code & 0xff);
    siglongjmp(S->back, 1);
}

static void begin(void)
{
    S->signal = 0;
    raw(SYS_getrusage, RUSAGE_THREAD, (long) &S->before, 0, 0, 0, 0);
}

static char *number(char *to, long value)
{
    return to + sprintf(to, value < 0 && value > -4096 ? "%ld" : "0x%lx", value);
}

static void end(const char *step, long result, long value)
{
    char line[400], *to = line;
    raw(SYS_getrusage, RUSAGE_THREAD, (long) &S->after, 0, 0, 0, 0);
    to += sprintf(to, "%s -> ", step);
    to = number(to, result);
    to += sprintf(to, " %d %ld %ld ", S->signal, S->after.ru_minflt - S->before.ru_minflt, S->after.ru_majflt - S->before.ru_majflt);
    to = number(to, value);
    *to++ = '\n';
    raw(SYS_write, 1, (long) line, to - line, 0, 0, 0);
}

static void call(const char *step, long n, long a, long b, long c, long d, long e, long f)
{
    long result, value = 0, place = a & 7;
    if (n == SYS_shmat || n == SYS_shmctl)
        a = S->segments[place];
    if (n == SYS_brk)
        a += S->heap - HEAP;
    begin();
    result = raw(n, a, b, c, d, e, f);
    if (n == SYS_mincore)
        for (long i = 0; result == 0 && i < (b + 4095) / 4096; i++)
            value = value * 31 + (S->vec[i] & 1);
    if (n == SYS_shmget && result >= 0) {
        S->segments[d & 7] = result;
        result = 0;
    }
    end(step, n == SYS_brk ? result - S->heap + HEAP : result, value);
}

static void load(const char *step, unsigned long at, unsigned long bytes)
{
    volatile unsigned long value = 0;
    begin();
    for (volatile unsigned long i = 0; i < bytes; i += 8) {
        if (sigsetjmp(S->back, 1))
            break;
        value = value * 31 + *(volatile unsigned long *) (at + i);
    }
    end(step, 0, value);
}

static void store(const char *step, unsigned long at, unsigned long value)
{
    begin();
    if (!sigsetjmp(S->back, 1))
        *(volatile unsigned long *) at = value;
    end(step, 0, 0);
}

static void fetch(const char *step, unsigned long at)
{
    begin();
    if (!sigsetjmp(S->back, 1))
        ((void (*)(void)) at)();
    end(step, 0, 0);
}

static void limit(const char *step, int slot, int resource, unsigned long soft, unsigned long hard)
{
    struct rlimit wanted = {soft, hard}, old = {0, 0};
    begin();
    long result = raw(SYS_prlimit64, S->pid[slot], resource, (long) &wanted, (long) &old, 0, 0);
    end(step, result, old.rlim_cur * 31 + old.rlim_max);
}

static void clear(const char *step, int slot, int number)
{
    char path[40], digit = '0' + number;
    sprintf(path, "/proc/%d/clear_refs", S->pid[slot]);
    begin();
    long fd = raw(SYS_open, (long) path, O_WRONLY, 0, 0, 0, 0);
    long result = raw(SYS_write, fd, (long) &digit, 1, 0, 0, 0);
    if (number >= 1 && number <= 3)
        raw(SYS_write, fd, (long) "4", 1, 0, 0, 0);
    raw(SYS_close, fd, 0, 0, 0, 0, 0);
    end(step, result, 0);
}

static void pool(const char *step, int is_overcommit, int pages)
{
    char digits[] = {'0' + pages / 10, '0' + pages % 10};
    begin();
    long fd = raw(SYS_open, (long) (is_overcommit ? "/proc/sys/vm/nr_overcommit_hugepages" : "/proc/sys/vm/nr_hugepages"), O_WRONLY, 0, 0, 0, 0);
    long result = fd < 0 ? fd : raw(SYS_write, fd, (long) digits + (pages < 10), 2 - (pages < 10), 0, 0, 0);
    raw(SYS_close, fd, 0, 0, 0, 0, 0);
    end(step, result > 0 ? 0 : result, 0);
}

/* Acts whenever it is this slot's turn. */
static int act(void *number)
{
    int slot = (int) (long) number;
    stack_t alternate = {.ss_sp = S->signal_stack[slot], .ss_size = sizeof S->signal_stack[slot]};
    for (volatile char *p = __executable_start; p < etext; p += 4096)
        (void) *p;
    for (volatile char *p = (volatile char *) S; p < (volatile char *) (S + 1); p += 4096)
        *p = *p;
    raw(SYS_sigaltstack, (long) &alternate, 0, 0, 0, 0, 0);
    S->pid[slot] = raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
    for (;;) {
        int turn = S->turn;
        if (owner(turn) == slot) {
            steps(slot, turn);
            S->turn = turn + 1;
        } else if (owner(turn) < 0) {
            raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
        } else {
            raw(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
        }
    }
}

/* A process or thread that acts in its turn; its maker goes on when it is there, or when it is gone (CLONE_VFORK). */
static void start(const char *step, int slot, long flags)
{
    begin();
    if (flags & CLONE_VFORK) {
        int maker = owner(S->turn);
        end(step, 0, 0);
        S->turn++;
        clone(act, S->stack[slot] + sizeof S->stack[slot], flags, (void *) (long) slot);
        act((void *) (long) maker);
    }
    long result = clone(act, S->stack[slot] + sizeof S->stack[slot], flags & ~0x200000L, (void *) (long) slot);
    S->pid[slot] = result;
    end(step, result < 0 ? -errno : 0, 0);
}

/* This program anew, in the place of a process. */
static void execute(const char *step, int slot)
{
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    char place[] = {slot + '@', 0};
    char *argv[] = {"program", "", place, 0}, *envp[] = {0};
    setrlimit(RLIMIT_AS, &unlimited);
    setrlimit(RLIMIT_DATA, &unlimited);
    begin();
    end(step, 0, 0);
    execve("/proc/self/exe", argv, envp);
    perror("execve");
}

/* The end of a slot is two turns: it goes, and another makes sure of it. */
static void leave(int is_process)
{
    S->turn++;
    raw(is_process ? SYS_exit_group : SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void await_end(const char *step, int slot, int is_process)
{
    if (is_process)
        waitpid(S->pid[slot], 0, __WALL);
    else
        while (syscall(SYS_tkill, S->pid[slot], 0) == 0)
            usleep(1000);
    begin();
    end(step, 0, 0);
}

static void show_maps(void)
{
    static char text[4096];
    int fd = open("/proc/self/maps", O_RDONLY);
    for (long n; (n = read(fd, text, sizeof text)) > 0;)
        write(1, text, n);
}

static int me;

static void first(void)
{
    act((void *) (long) me);
}

/* Acts for ever on a stack that all processes share. */
static void enter(int slot)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    ucontext_t context;
    me = slot;
    S->heap = (raw(SYS_brk, 0, 0, 0, 0, 0, 0) + 4095) & -4096L;
    raw(SYS_brk, S->heap, 0, 0, 0, 0, 0);
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    getcontext(&context);
    context.uc_stack.ss_sp = S->stack[slot];
    context.uc_stack.ss_size = sizeof S->stack[slot];
    makecontext(&context, first, 0);
    setcontext(&context);
}

static void map_shared(void)
{
    if (mmap(S, sizeof *S, 3, MAP_SHARED | MAP_FIXED_NOREPLACE, SHARED_FD, 0) != S) {
        perror("mmap");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static char page[4096];
    if (argc == 3) {
        map_shared();
        S->turn++;
        enter(argv[2][0] - '@');
    }
    if (argc < 2)
        return fprintf(stderr, "usage: %s FILE   (a file on a disk, made anew)\n", argv[0]), 2;
    if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
        personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE);
        execv("/proc/self/exe", argv);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int data = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (long at = 0; at < 82020; at += 4096) {
        for (long i = 0; i < 512; i++)
            ((long *) page)[i] = at + 8 * i + 8 <= 82020 ? 0x0101010101010101L * (at >> 12) + at + 8 * i : 0;
        write(data, page, at + 4096 <= 82020 ? 4096 : 82020 - at);
    }
    fsync(data);
    close(data);
    dup2(data = memfd_create("control", 0), SHARED_FD);
    ftruncate(SHARED_FD, sizeof *S);
    close(data);
    if (open(argv[1], O_RDWR) != 3 || open(argv[1], O_RDONLY) != 4 || open(argv[1], O_RDWR) != 5 || open(argv[1], O_WRONLY) != 6
            || ftruncate(memfd_create("seven", 0), 82020) != 0 || ftruncate(memfd_create("eight", 0), 82020) != 0)
        return perror(argv[1]), 2;
    for (int fd = 9; fd <= 10; fd++)
        if (memfd_create(fd == 9 ? "nine" : "ten", fd == 9 ? 4 : 6) == fd)
            ftruncate(fd, 4L << 21);
    map_shared();
    S->pid[0] = getpid();
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &unlimited);
    setrlimit(RLIMIT_DATA, &unlimited);
    enter(0);
}
