/* Executes raw memory calls that a parent sends, so that a model can be compared with the kernel it runs on.
   Static, without address randomisation and without allocation, so that only the requests change the address space.
   Request: kind, number, six arguments. Kinds: 0 system call, 1 load a byte, 2 store a byte, 3 mincore. Answer: result, errno, signal * 100 + si_code. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct request { uint64_t kind, number, args[6]; };
struct answer { int64_t result, error, signal; };

static struct request requests[256];
static struct answer answers[256];
static unsigned char vec[8192];
static char signal_stack[65536] __attribute__((aligned(4096)));
static sigjmp_buf back;
static volatile int caught;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void) context;
    caught = number * 100 + info->si_code;
    siglongjmp(back, 1);
}

static int transfer(int out, void *at, size_t length)
{
    char *p = at;
    while (length) {
        ssize_t n = out ? write(1, p, length) : read(0, p, length);
        if (n <= 0)
            return 0;
        p += n;
        length -= n;
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
        personality(ADDR_NO_RANDOMIZE);
        execv("/proc/self/exe", argv);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc < 2)
        return 2;
    open(argv[1], O_RDWR);   /* 3 */
    open(argv[1], O_RDONLY); /* 4 */
    open(argv[1], O_RDWR);   /* 5 */
    open(argv[1], O_WRONLY); /* 6 */
    stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    sigaltstack(&alternate, 0);
    memset(signal_stack, 1, sizeof signal_stack);
    memset(requests, 1, sizeof requests);
    memset(answers, 1, sizeof answers);
    memset(vec, 1, sizeof vec);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    {
        volatile char deep[32768];
        memset((void *) deep, 1, sizeof deep);
    }
    if (sigsetjmp(back, 1) == 0)
        *(volatile char *) 8 = 1;
    errno = 0;
    write(1, "ready\n", 6);
    for (;;) {
        uint64_t count;
        if (!transfer(0, &count, 8) || count == 0 || count > 256)
            return 0;
        if (!transfer(0, requests, count * sizeof requests[0]))
            return 0;
        for (uint64_t i = 0; i < count; i++) {
            struct request *q = &requests[i];
            struct answer *a = &answers[i];
            a->result = a->error = a->signal = 0;
            caught = 0;
            if (q->kind == 0) {
                a->result = syscall(q->number, q->args[0], q->args[1], q->args[2], q->args[3], q->args[4], q->args[5]);
                if (a->result == -1) {
                    a->error = errno;
                }
            } else if (q->kind == 3) {
                a->result = syscall(SYS_mincore, q->args[0], q->args[1], vec);
                if (a->result == -1)
                    a->error = errno;
            } else if (sigsetjmp(back, 1) == 0) {
                if (q->kind == 1)
                    a->result = 0 * *(volatile unsigned char *) q->args[0];
                else
                    *(volatile unsigned char *) q->args[0] = 1;
            } else {
                a->signal = caught;
            }
        }
        if (!transfer(1, answers, count * sizeof answers[0]))
            return 0;
    }
}
