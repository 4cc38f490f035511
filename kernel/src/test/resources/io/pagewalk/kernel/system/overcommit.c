/*
 * Carries out a script of calls that promise memory and prints what each came to. As the first program of a virtual machine it reads /script; OvercommitHistoryTest carries
 * out the same script on the model.
 *
 *   set NAME VALUE                   a file of /proc/sys/vm
 *   map WHO I PAGES PROT FLAGS       mmap as region I; PROT and FLAGS as numbers
 *   unmap WHO I | protect WHO I PROT | remap WHO I PAGES
 *   fork WHO CHILD | exit WHO | user WHO
 * WHO is a process, 0 the first. Each line of output: the line, its result (0 or a negative errno), and the pages of Committed_AS more than at the start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define PROCESSES 8
#define REGIONS 64
#define MOST_BYTES (1 << 20)

struct order { int op; long a, b, c, d; };

enum { MAP, UNMAP, PROTECT, REMAP, FORK, EXIT, USER };

static int orders[PROCESSES][2], answers[PROCESSES][2];
static char text[MOST_BYTES];
static struct { char *addr; unsigned long pages; } regions[REGIONS];

static long call(struct order *o) {
    void *p;
    switch (o->op) {
    case MAP:
        p = mmap(0, o->b * PAGE, o->c, o->d, -1, 0);
        if (p == MAP_FAILED) return -errno;
        regions[o->a].addr = p;
        regions[o->a].pages = o->b;
        return 0;
    case UNMAP:
        if (munmap(regions[o->a].addr, regions[o->a].pages * PAGE)) return -errno;
        regions[o->a].addr = 0;
        regions[o->a].pages = 0;
        return 0;
    case PROTECT:
        return mprotect(regions[o->a].addr, regions[o->a].pages * PAGE, o->b) ? -errno : 0;
    case REMAP:
        p = mremap(regions[o->a].addr, regions[o->a].pages * PAGE, o->b * PAGE, MREMAP_MAYMOVE);
        if (p == MAP_FAILED) return -errno;
        regions[o->a].addr = p;
        regions[o->a].pages = o->b;
        return 0;
    case USER:
        return setresuid(1000, 1000, 1000) ? -errno : 0;
    }
    return -ENOSYS;
}

static void serve(int who) {
    struct order o;
    for (;;) {
        long result = 0;
        if (read(orders[who][0], &o, sizeof o) != sizeof o) _exit(1);
        if (o.op == FORK) {
            pid_t child = fork();
            if (child == 0) {
                who = o.a;
                continue;
            }
            result = child < 0 ? -errno : 0;
        } else if (o.op == EXIT) {
            _exit(0);
        } else {
            result = call(&o);
        }
        if (write(answers[who][1], &result, sizeof result) != sizeof result) _exit(1);
    }
}

static long ask(int who, struct order *o) {
    long result = 0;
    if (write(orders[who][1], o, sizeof *o) != sizeof *o) return -1000;
    if (o->op == EXIT) return 0;
    return read(answers[who][0], &result, sizeof result) == sizeof result ? result : -1001;
}

static long number(const char *file, const char *name) {
    char line[256];
    long value = -1;
    FILE *f = fopen(file, "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name))) value = atol(line + strlen(name)) / 4;
    if (f) fclose(f);
    return value;
}

static long committed(void) { return number("/proc/meminfo", "Committed_AS:"); }

int main(void) {
    char status[64];
    mount("proc", "/proc", "proc", 0, 0);
    int fd = open("/script", O_RDONLY);
    long length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    for (int i = 0; i < PROCESSES; i++)
        if (pipe(orders[i]) || pipe(answers[i])) length = -1;
    long alone = committed();
    pid_t first = fork();
    if (first == 0) serve(0);
    long start = committed();
    snprintf(status, sizeof status, "/proc/%d/status", first);
    printf("--- begin\n# ram %ld pages, committed %ld, of a process: mapped %ld, accounted %ld\n", number("/proc/meminfo", "MemTotal:"), start,
           number(status, "VmSize:"), start - alone);
    for (char *line = strtok(text, "\n"); length > 0 && line; line = strtok(0, "\n")) {
        struct order o = {0};
        char name[64], path[128];
        long who = 0, result = -1;
        sscanf(line, "%63s %ld %ld %ld %ld %ld", name, &who, &o.a, &o.b, &o.c, &o.d);
        if (!strcmp(name, "set")) {
            char what[64], value[32];
            sscanf(line, "%*s %63s %31s", what, value);
            snprintf(path, sizeof path, "/proc/sys/vm/%s", what);
            int file = open(path, O_WRONLY);
            result = write(file, value, strlen(value)) < 0 ? -errno : 0;
            close(file);
        } else {
            o.op = !strcmp(name, "map") ? MAP : !strcmp(name, "unmap") ? UNMAP : !strcmp(name, "protect") ? PROTECT : !strcmp(name, "remap") ? REMAP
                : !strcmp(name, "fork") ? FORK : !strcmp(name, "exit") ? EXIT : USER;
            long before = committed();
            result = ask(who, &o);
            // The memory of a process goes a little after the process.
            for (int i = 0; o.op == EXIT && i < 200 && committed() == before; i++) usleep(1000);
        }
        if (o.op == EXIT && strcmp(name, "set")) usleep(20000);
        printf("%s: %ld %ld\n", line, result, committed() - start);
    }
    printf("--- end\n");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
