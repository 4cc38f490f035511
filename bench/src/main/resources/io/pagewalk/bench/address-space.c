/* What AddressSpaceBenchmark measures on the model, measured on the running kernel: raw system calls, single pages (no huge ones), several rounds.
   Prints one line "NAME MEDIAN LEAST" for each, in nanoseconds per operation. Uses 1 GiB for the fork. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define BASE 0x100000000000UL
#define MOST_AREAS 65530
#define ROUNDS 15
#define FORK_BYTES (1UL << 30)

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *rounds, int count)
{
    qsort(rounds, count, sizeof *rounds, ascending);
    printf("%s %.1f %.1f\n", name, rounds[count / 2], rounds[0]);
}

static void *map(unsigned long at, unsigned long length, int prot)
{
    void *got = mmap((void *) at, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (got == MAP_FAILED)
        perror("mmap"), exit(1);
    return got;
}

static void touch(unsigned long at, unsigned long length)
{
    for (unsigned long i = 0; i < length; i += PAGE)
        *(volatile char *) (at + i) = 1;
}

static void pairs(const char *name, unsigned long length, int count, int touched)
{
    double rounds[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        long start = now();
        for (int i = 0; i < count; i++) {
            map(BASE, length, PROT_READ | PROT_WRITE);
            if (touched)
                touch(BASE, length);
            munmap((void *) BASE, length);
        }
        rounds[r] = (now() - start) / (double) count;
    }
    print(name, rounds, ROUNDS);
}

static int areas(void)
{
    int lines = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    for (int c; (c = getc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

static void many(void)
{
    double build[5], lookup[5], teardown[5];
    int count = MOST_AREAS - areas() - 8;
    for (int r = 0; r < 5; r++) {
        long start = now();
        for (int i = 0; i < count; i++)
            map(BASE + i * PAGE, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
        build[r] = (now() - start) / (double) count;
        unsigned int at = 1;
        start = now();
        for (int i = 0; i < count; i++) {
            at = at * 1664525 + 1013904223;
            syscall(SYS_get_mempolicy, 0, 0, 0, BASE + (at >> 8) % count * PAGE, 2);
        }
        lookup[r] = (now() - start) / (double) count;
        start = now();
        munmap((void *) BASE, count * PAGE);
        teardown[r] = (now() - start) / (double) count;
    }
    print("buildArea", build, 5);
    print("lookUpArea", lookup, 5);
    print("tearDownArea", teardown, 5);
}

static void forks(void)
{
    double made[5];
    map(BASE, FORK_BYTES, PROT_READ | PROT_WRITE);
    madvise((void *) BASE, FORK_BYTES, MADV_NOHUGEPAGE);
    touch(BASE, FORK_BYTES);
    for (int r = 0; r < 5; r++) {
        int status;
        long start = now();
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        long middle = now();
        waitpid(child, &status, 0);
        made[r] = middle - start;
    }
    print("forkGibibyte", made, 5);
    munmap((void *) BASE, FORK_BYTES);
}

int main(void)
{
    pairs("mapAndUnmapPage", PAGE, 5000, 0);
    pairs("mapTouchAndUnmapPage", PAGE, 5000, 1);
    pairs("mapTouchAndUnmapMebibyte", 1UL << 20, 50, 1);
    many();
    forks();
    return 0;
}
