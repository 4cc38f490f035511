/*
 * Carries out a script of calls on protection keys and prints what each came to. As the first program of a virtual machine it reads /script, whose CPU has the keys
 * that this computer's may lack; ProtectionKeyHistoryTest carries out the same script on the model.
 *
 *   map ADDR PAGES PROT [FLAGS]      mmap, fixed; FLAGS: s shared, l populate
 *   unmap ADDR PAGES | protect ADDR PAGES PROT | pkey ADDR PAGES PROT KEY | move ADDR PAGES TO | seal ADDR PAGES
 *   lock ADDR PAGES | unlock ADDR PAGES | advise ADDR PAGES ADVICE
 *   alloc FLAGS RIGHTS | free KEY
 *   rights REGISTER                  WRPKRU, in hexadecimal
 *   load ADDR | store ADDR | fetch ADDR
 *   tokernel ADDR | fromkernel ADDR  the kernel reads or writes a byte there: write(), read()
 *   peek ADDR | poke ADDR            process_vm_readv(), process_vm_writev() on oneself
 *   mem ADDR                         a byte read through /proc/self/mem
 *   areas                            the areas of the arena, from smaps
 *   shape                            the same, neighbours that look alike as one: what merges for the sake of its anon_vma is not the same in all versions
 *   fork ... end | thread ... end | exec ... (the rest of the script in a new program)
 * Addresses are pages of the arena. Each line of output: the register after it, and what it came to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA 0x200000000UL
#define ARENA_PAGES 4096
#define PAGE 4096UL
#define MOST_LINES 20000

static char *line[MOST_LINES];
static int lines;
static int pipes[2];
static int zero;
static __thread sigjmp_buf back;
static __thread int code, key;

static unsigned rdpkru(void)
{
    unsigned low, high;
    __asm__ volatile(".byte 0x0f,0x01,0xee" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void wrpkru(unsigned value)
{
    __asm__ volatile(".byte 0x0f,0x01,0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}

static void handler(int signal, siginfo_t *info, void *context)
{
    (void) context;
    code = signal * 100 + info->si_code;
    key = signal == SIGSEGV && info->si_code == 4 ? (int) info->si_pkey : -1;
    siglongjmp(back, 1);
}

static void touch(char kind, unsigned long at, char *out)
{
    unsigned before = rdpkru();
    if (sigsetjmp(back, 1) == 0) {
        if (kind == 'l')
            *(volatile char *) at;
        else if (kind == 's')
            *(volatile char *) at = (char) 0xc3;
        else
            ((void (*)(void)) at)();
        strcpy(out, "ok");
    } else {
        wrpkru(before);
        if (key >= 0)
            sprintf(out, "signal %d code %d key %d", code / 100, code % 100, key);
        else
            sprintf(out, "signal %d code %d", code / 100, code % 100);
    }
}

static long result(long value)
{
    return value == -1 ? -errno : value;
}

static struct area {
    unsigned long start, end, rss;
    unsigned key;
    char perms[8];
} last;

static void print_area(void)
{
    if (last.end)
        printf("  %lu-%lu %s key %u rss %lu\n", last.start, last.end, last.perms, last.key, last.rss);
    last.end = 0;
}

static void add_area(struct area next, int joins)
{
    if (joins && last.end != 0 && last.end == next.start && last.key == next.key && !strcmp(last.perms, next.perms)) {
        last.end = next.end;
        last.rss += next.rss;
        return;
    }
    print_area();
    last = next;
}

static void areas(int joins)
{
    static char text[1 << 20];
    int fd = open("/proc/self/smaps", O_RDONLY);
    long length = 0, got;
    while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += got;
    close(fd);
    text[length] = 0;
    unsigned long start = 0, end = 0, rss = 0;
    char perms[8] = "";
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        unsigned long from, to;
        char some[8];
        unsigned number;
        if (sscanf(at, "%lx-%lx %5s", &from, &to, some) == 3) {
            start = from, end = to;
            strcpy(perms, some);
        } else if (sscanf(at, "Rss: %lu", &rss) == 1) {
        } else if (sscanf(at, "ProtectionKey: %u", &number) == 1) {
            struct area next = {(start - ARENA) / PAGE, (end - ARENA) / PAGE, rss / 4, number, ""};
            strcpy(next.perms, perms);
            if (start >= ARENA && start < ARENA + ARENA_PAGES * PAGE)
                add_area(next, joins);
        }
    }
    print_area();
}

static int run(int from);

static int skip(int at)
{
    for (int depth = 1; depth > 0; at++)
        if (!strcmp(line[at], "end"))
            depth--;
        else if (!strcmp(line[at], "fork") || !strcmp(line[at], "thread"))
            depth++;
    return at;
}

static void *thread(void *argument)
{
    run((int) (long) argument);
    return NULL;
}

static int run(int at)
{
    while (at < lines) {
        char op[16] = "", option[16] = "", out[64];
        unsigned long a = 0, b = 0, c = 0;
        long d = 0;
        sscanf(line[at], "%15s", op);
        char *rest = line[at] + strlen(op);
        int fields = sscanf(rest, "%lu %lu %lu", &a, &b, &c);
        unsigned long address = ARENA + a * PAGE;
        sprintf(out, "?");
        at++;
        if (!*op || *op == '#')
            continue;
        if (!strcmp(op, "end"))
            return at;
        if (!strcmp(op, "map")) {
            int flags = MAP_FIXED | MAP_ANONYMOUS;
            sscanf(rest, "%*s %*s %*s %15s", option);
            flags |= strchr(option, 's') ? MAP_SHARED : MAP_PRIVATE;
            flags |= strchr(option, 'l') ? MAP_POPULATE : 0;
            d = syscall(SYS_mmap, address, b * PAGE, c, flags, -1, 0);
            sprintf(out, "%ld", d == (long) address ? 0 : result(d));
        } else if (!strcmp(op, "unmap"))
            sprintf(out, "%ld", result(syscall(SYS_munmap, address, b * PAGE)));
        else if (!strcmp(op, "protect"))
            sprintf(out, "%ld", result(syscall(SYS_mprotect, address, b * PAGE, c)));
        else if (!strcmp(op, "pkey")) {
            sscanf(rest, "%*s %*s %*s %ld", &d);
            sprintf(out, "%ld", result(syscall(SYS_pkey_mprotect, address, b * PAGE, c, d)));
        } else if (!strcmp(op, "move")) {
            d = syscall(SYS_mremap, address, b * PAGE, b * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ARENA + c * PAGE);
            sprintf(out, "%ld", d == (long) (ARENA + c * PAGE) ? 0 : result(d));
        } else if (!strcmp(op, "seal"))
            sprintf(out, "%ld", result(syscall(462, address, b * PAGE, 0)));
        else if (!strcmp(op, "lock"))
            sprintf(out, "%ld", result(syscall(SYS_mlock, address, b * PAGE)));
        else if (!strcmp(op, "unlock"))
            sprintf(out, "%ld", result(syscall(SYS_munlock, address, b * PAGE)));
        else if (!strcmp(op, "advise"))
            sprintf(out, "%ld", result(syscall(SYS_madvise, address, b * PAGE, c)));
        else if (!strcmp(op, "alloc"))
            sprintf(out, "%ld", result(syscall(SYS_pkey_alloc, a, b)));
        else if (!strcmp(op, "free")) {
            sscanf(rest, "%ld", &d);
            sprintf(out, "%ld", result(syscall(SYS_pkey_free, d)));
        } else if (!strcmp(op, "rights")) {
            wrpkru((unsigned) strtoul(rest, NULL, 16));
            sprintf(out, "ok");
        } else if (!strcmp(op, "load") || !strcmp(op, "store") || !strcmp(op, "fetch"))
            touch(*op, address, out);
        else if (!strcmp(op, "tokernel")) {
            char byte;
            d = result(write(pipes[1], (void *) address, 1));
            if (d == 1 && read(pipes[0], &byte, 1) != 1)
                d = -999;
            sprintf(out, "%ld", d);
        } else if (!strcmp(op, "fromkernel"))
            sprintf(out, "%ld", result(read(zero, (void *) address, 1)));
        else if (!strcmp(op, "peek") || !strcmp(op, "poke")) {
            char byte = (char) 0xc3;
            struct iovec local = {&byte, 1}, remote = {(void *) address, 1};
            d = syscall(op[1] == 'e' ? SYS_process_vm_readv : SYS_process_vm_writev, getpid(), &local, 1, &remote, 1, 0);
            sprintf(out, "%ld", result(d));
        } else if (!strcmp(op, "mem")) {
            char byte;
            int fd = open("/proc/self/mem", O_RDONLY);
            sprintf(out, "%ld", result(pread(fd, &byte, 1, address)));
            close(fd);
        } else if (!strcmp(op, "areas") || !strcmp(op, "shape")) {
            printf("%s: pkru %08x\n", line[at - 1], rdpkru());
            areas(*op == 's');
            continue;
        } else if (!strcmp(op, "fork") || !strcmp(op, "thread")) {
            printf("%s: pkru %08x\n", line[at - 1], rdpkru());
            fflush(stdout);
            if (*op == 'f') {
                int status;
                pid_t child = fork();
                if (child == 0) {
                    run(at);
                    fflush(stdout);
                    _exit(0);
                }
                if (waitpid(child, &status, 0) != child || status != 0)
                    printf("a child ended with %x, errno %d\n", status, errno);
            } else {
                pthread_t other;
                pthread_create(&other, NULL, thread, (void *) (long) at);
                pthread_join(other, NULL);
            }
            at = skip(at);
            printf("end: pkru %08x\n", rdpkru());
            continue;
        } else if (!strcmp(op, "exec")) {
            char number[16];
            printf("%s: pkru %08x\n", line[at - 1], rdpkru());
            fflush(stdout);
            sprintf(number, "%d", at);
            execl("/init", "init", number, NULL);
        }
        printf("%s: %s pkru %08x\n", line[at - 1], out, rdpkru());
        (void) fields;
    }
    return at;
}

int main(int argc, char **argv)
{
    struct sigaction action = {0};
    struct utsname name;
    static char script[1 << 20];
    if (argc < 2) {
        mount("proc", "/proc", "proc", 0, NULL);
        mount("dev", "/dev", "devtmpfs", 0, NULL);
        int console = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
        dup2(console, 1);
        /* The kernel writes a line about each signal of process 1, whether it is handled or not. */
        pid_t child = fork();
        if (child != 0) {
            waitpid(child, NULL, 0);
            reboot(RB_POWER_OFF);
        }
    }
    zero = open("/dev/zero", O_RDONLY);
    if (pipe(pipes) != 0)
        return 1;
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    int fd = open("/script", O_RDONLY);
    long length = read(fd, script, sizeof script - 1);
    close(fd);
    script[length] = 0;
    for (char *at = script; *at && lines < MOST_LINES;) {
        char *stop = strchr(at, '\n');
        line[lines++] = at;
        if (!stop)
            break;
        *stop = 0;
        at = stop + 1;
    }
    setvbuf(stdout, malloc(1 << 16), _IOFBF, 1 << 16);
    uname(&name);
    if (argc < 2)
        printf("\n--- begin Linux %s\n", name.release);
    run(argc < 2 ? 0 : atoi(argv[1]));
    printf("--- end\n");
    fflush(stdout);
    sleep(1);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
