/* Performs calls on shared memory that a parent sends, so that a model can be compared with the kernel it runs on.
   Runs in IPC and mount namespaces of its own, with a tmpfs on /dev/shm whose options are the first argument; the second is a directory for the pipes of children.
   Request: kind, number, six arguments. Kinds: 0 system call, 1 load eight bytes, 2 store eight bytes, 4 fork child number NUMBER, 5 wait for a child,
   6 read file NUMBER (the bytes follow the answer), 7 write argument 0 to file NUMBER, 8 read memory (the bytes follow the answer), 12 make child NUMBER with the
   clone flags of argument 0, which shares the memory. Answer: result, errno, signal * 256 + si_code.
   Threads: 11 lets thread NUMBER begin request kind argument 0 (0 to 2) with call number or value argument 5 and arguments 1 to 4, 9 asks for it: errno -1 while it waits
   in the kernel, else its answer; 10 gives faults without input as result, with input as errno. A request ends with one word more, argument 4 of such a call. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct request { uint64_t kind, number, args[6], more; };
struct answer { int64_t result, error, signal; };

static const char *files[] = {
    "/proc/sysvipc/shm", "/proc/sys/kernel/shmmax", "/proc/sys/kernel/shmall", "/proc/sys/kernel/shmmni",
    "/proc/sys/kernel/shm_rmid_forced", "/proc/self/smaps", "/proc/self/maps", "/proc/thread-self/status", "/proc/self/ksm_stat"
};
static char stacks[8][1 << 16] __attribute__((aligned(16)));
static char *directory;
static char text[1 << 18];
static __thread sigjmp_buf back;
static __thread volatile int caught;
static int in = 900, out = 901;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void) context;
    caught = number * 256 + info->si_code;
    siglongjmp(back, 1);
}

struct worker { pthread_t thread; volatile int tid, command, started, done; struct request request; struct answer answer; };
static struct worker workers[4];

static void perform(struct request *q, struct answer *a)
{
    caught = 0;
    errno = 0;
    if (q->kind == 0) {
        a->result = syscall(q->number, q->args[0], q->args[1], q->args[2], q->args[3], q->args[4], q->args[5]);
        a->error = a->result == -1 ? errno : 0;
        if (q->number == SYS_fork && a->result == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
    } else if (sigsetjmp(back, 1) == 0) {
        if (q->kind == 1)
            a->result = *(volatile int64_t *) q->args[0];
        else
            *(volatile int64_t *) q->args[0] = q->args[1];
    }
    a->signal = caught;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    w->tid = syscall(SYS_gettid);
    for (;;) {
        while (!w->command)
            syscall(SYS_futex, &w->command, 0, 0, 0, 0, 0);
        w->command = 0;
        struct answer a = {0, 0, 0};
        w->started = 1;
        perform(&w->request, &a);
        w->answer = a;
        w->done = 1;
    }
}

static struct worker *worker(int number)
{
    struct worker *w = &workers[number];
    if (!w->tid) {
        pthread_create(&w->thread, 0, work, w);
        while (!w->tid)
            usleep(100);
    }
    return w;
}

static int stat_of(struct worker *w, long *minor, long *major)
{
    char name[64], line[1024];
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", w->tid);
    int fd = open(name, O_RDONLY);
    line[read(fd, line, sizeof line - 1)] = 0;
    close(fd);
    char state = 0;
    sscanf(strrchr(line, ')') + 2, "%c %*d %*d %*d %*d %*d %*u %ld %*u %ld", &state, minor, major);
    return state;
}

static int waits(struct worker *w)
{
    long minor, major;
    for (int seen = 0; seen < 3;) {
        if (w->done)
            return 0;
        int state = w->started ? stat_of(w, &minor, &major) : 'R';
        seen = state == 'S' || state == 'D' ? seen + 1 : 0;
        usleep(200);
    }
    return !w->done;
}

static int transfer(int is_out, void *at, size_t length)
{
    char *p = at;
    while (length) {
        ssize_t n = is_out ? write(out, p, length) : read(in, p, length);
        if (n <= 0)
            return 0;
        p += n;
        length -= n;
    }
    return 1;
}

static void open_pipes(const char *directory, int child)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/in.%d", directory, child);
    int from = open(name, O_RDONLY);
    snprintf(name, sizeof name, "%s/out.%d", directory, child);
    int to = open(name, O_WRONLY);
    dup2(from, 900);
    dup2(to, 901);
    close(from);
    close(to);
}

static int serve(void);

static int shared_child(void *number)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_pipes(directory, (int) (intptr_t) number);
    return serve();
}

static int serve(void)
{
    for (;;) {
        struct request q;
        struct answer a = {0, 0, 0};
        size_t length = 0;
        if (!transfer(0, &q, sizeof q))
            return 0;
        caught = 0;
        errno = 0;
        switch (q.kind) {
        case 0:
            a.result = syscall(q.number, q.args[0], q.args[1], q.args[2], q.args[3], q.args[4], q.args[5]);
            a.error = a.result == -1 ? errno : 0;
            break;
        case 1:
            if (sigsetjmp(back, 1) == 0)
                a.result = *(volatile int64_t *) q.args[0];
            break;
        case 2:
            if (sigsetjmp(back, 1) == 0)
                *(volatile int64_t *) q.args[0] = q.args[1];
            break;
        case 11: {
            struct worker *w = worker(q.number);
            w->request = (struct request) {q.args[0], q.args[5], {q.args[1], q.args[2], q.args[3], q.args[4], q.more}};
            w->started = w->done = 0;
            w->command = 1;
            syscall(SYS_futex, &w->command, 1, 1, 0, 0, 0);
            break;
        }
        case 9:
            if (waits(&workers[q.number]))
                a.error = -1;
            else
                a = workers[q.number].answer;
            if (!transfer(1, &a, sizeof a))
                return 0;
            continue;
        case 10:
            stat_of(worker(q.number), &a.result, &a.error);
            break;
        case 4:
            a.result = fork();
            if (a.result == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                open_pipes(directory, q.number);
                continue;
            }
            break;
        case 12:
            a.result = clone(shared_child, stacks[q.number & 7] + sizeof stacks[0], q.args[0], (void *) (intptr_t) q.number);
            a.error = a.result == -1 ? errno : 0;
            break;
        case 5: {
            int status = 0;
            a.result = waitpid(-1, &status, 0) > 0 ? status : -1;
            break;
        }
        case 6: {
            int fd = open(files[q.number], O_RDONLY);
            ssize_t n;
            while ((n = read(fd, text + length, sizeof text - length)) > 0)
                length += n;
            close(fd);
            a.result = length;
            break;
        }
        case 7: {
            int fd = open(files[q.number], O_WRONLY);
            int n = snprintf(text, sizeof text, "%lu", q.args[0]);
            a.result = write(fd, text, n) == n ? 0 : -1;
            close(fd);
            break;
        }
        case 8:
            length = q.args[1] < sizeof text ? q.args[1] : sizeof text;
            memcpy(text, (void *) q.args[0], length);
            break;
        }
        a.signal = caught;
        if (!transfer(1, &a, sizeof a) || (length && !transfer(1, text, length)))
            return 0;
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
        personality(ADDR_NO_RANDOMIZE);
        execv("/proc/self/exe", argv);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(0, 900);
    dup2(1, 901);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    umask(0);
    directory = argv[2];
    signal(SIGXFSZ, SIG_IGN);
    int isolated = unshare(CLONE_NEWIPC | CLONE_NEWNS) == 0
        && mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) == 0
        && mount("tmpfs", "/dev/shm", "tmpfs", 0, argv[1]) == 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    transfer(1, isolated ? "ready\n" : "nospc\n", 6);
    return serve();
}
