/*
 * Makes calls about one file and its page cache as a script on standard input says, and prints what came of each.
 * Pages are named by their index. Folios are seen through a mapping of their own, in /proc/self/pagemap and /proc/kpageflags.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096L
#define MAPS 8

static const char *path;
static int fd = -1, pagemap, kpageflags;
static char *area[MAPS];
static long pages_of[MAPS];
static char *buffer;
static sigjmp_buf back;

static void on_signal(int number) { siglongjmp(back, number); }

static long minor(void) {
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_minflt;
}

static long major(void) {
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_majflt;
}

static long size(void) {
    struct stat s;
    fstat(fd, &s);
    return s.st_size;
}

static uint64_t entry(void *address) {
    uint64_t value = 0;
    pread(pagemap, &value, 8, (uintptr_t)address / PAGE * 8);
    return value;
}

static uint64_t flags_of(uint64_t pfn) {
    uint64_t value = 0;
    pread(kpageflags, &value, 8, pfn * 8);
    return value;
}

/* Each folio: index of its first page, order, D for dirty, R for the readahead mark, or r for referenced and a for active; "x3" for three such. */
static void dump(int shows_use) {
    long pages = (size() + PAGE - 1) / PAGE;
    if (pages == 0) {
        printf("folios\n");
        return;
    }
    int other = open(path, O_RDONLY);
    char *view = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, other, 0);
    unsigned char *core = calloc(pages, 1);
    madvise(view, pages * PAGE, MADV_RANDOM);
    mincore(view, pages * PAGE, core);
    printf("folios");
    long i = 0, next = -1, repeated = 1;
    char last[8] = "", now[8];
    while (i < pages) {
        if (!(core[i] & 1)) {
            i++;
            continue;
        }
        *(volatile char *)(view + i * PAGE);
        uint64_t pfn = entry(view + i * PAGE) & ((1ULL << 55) - 1);
        uint64_t flags = flags_of(pfn);
        int order = 0;
        if (flags >> 15 & 1) {
            long count = 1;
            while (flags_of(pfn + count) >> 16 & 1) {
                count++;
            }
            while (1L << order < count) {
                order++;
            }
        }
        if (shows_use) {
            snprintf(now, sizeof now, "%d%s%s", order, flags >> 2 & 1 ? "r" : "", flags >> 6 & 1 ? "a" : "");
        } else {
            snprintf(now, sizeof now, "%d%s%s%s", order, flags >> 16 & 1 ? "?" : "", flags >> 4 & 1 ? "D" : "", flags >> 9 & 1 ? "R" : "");
        }
        if (i == next && !strcmp(now, last)) {
            repeated++;
        } else {
            if (repeated > 1) {
                printf("x%ld", repeated);
            }
            repeated = 1;
            printf(" %ld:%s", i, now);
            strcpy(last, now);
        }
        i += 1L << order;
        next = i;
    }
    if (repeated > 1) {
        printf("x%ld", repeated);
    }
    printf("\n");
    munmap(view, pages * PAGE);
    close(other);
    free(core);
}

/* A line of vmstat, or of the part of smaps that begins with an address. */
static long number_of(const char *file, const char *name, uintptr_t start) {
    FILE *in = fopen(file, "r");
    char text[512];
    int inside = start == 0;
    long value = -1;
    while (fgets(text, sizeof text, in)) {
        uintptr_t from, to;
        if (start && sscanf(text, "%lx-%lx ", &from, &to) == 2) {
            inside = from == start;
        } else if (inside && !strncmp(text, name, strlen(name)) && strchr(" :", text[strlen(name)])) {
            value = strtol(text + strlen(name) + 1, NULL, 10);
            break;
        }
    }
    fclose(in);
    return value;
}

static const char *events[] = {"thp_file_alloc", "thp_file_fallback", "thp_file_mapped"};
static long counted[3];

/* What happened since the last time. */
static void happened(int is_printed) {
    for (int i = 0; i < 3; i++) {
        long now = number_of("/proc/vmstat", events[i], 0);
        if (is_printed) {
            printf("%ld%c", now - counted[i], i < 2 ? ' ' : '\n');
        }
        counted[i] = now;
    }
}

/* A tmpfs of its own with an option huge=, of so many pages, 0 for no limit. */
static const char *mounted(const char *near, long huge, long blocks) {
    static const char *options[] = {"never", "always", "within_size", "advise"};
    static char place[4096], file[4200], text[100];
    if (place[0]) {
        umount2(place, MNT_DETACH);
    } else {
        snprintf(place, sizeof place, "%s.mnt", near);
        if (unshare(CLONE_NEWNS) || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0)) {
            perror("unshare");
            exit(1);
        }
        mkdir(place, 0700);
    }
    snprintf(text, sizeof text, "nr_blocks=%ld,huge=%s", blocks, options[huge]);
    if (mount("tmpfs", place, "tmpfs", 0, text)) {
        perror("mount");
        exit(1);
    }
    snprintf(file, sizeof file, "%s/data", place);
    return file;
}

/* All bytes of the file as one number. */
static uint64_t sum(void) {
    static char bytes[1 << 16];
    uint64_t hash = 0;
    ssize_t n;
    for (long at = 0; (n = pread(fd, bytes, sizeof bytes, at)) > 0; at += n) {
        for (ssize_t i = 0; i < n; i++) {
            hash = hash * 31 + (unsigned char)bytes[i];
        }
    }
    return hash;
}

int main(int argc, char **argv) {
    path = argv[1];
    pagemap = open("/proc/self/pagemap", O_RDONLY);
    kpageflags = open("/proc/kpageflags", O_RDONLY);
    buffer = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    happened(0);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    char line[256], word[32];
    while (fgets(line, sizeof line, stdin)) {
        long a = 0, b = 0, c = 0, d = 0, e = 0;
        printf("%.*s = ", (int)strcspn(line, "\n"), line);
        if (sscanf(line, "%31s %ld %ld %ld %ld %ld", word, &a, &b, &c, &d, &e) < 1) {
            continue;
        }
        long result = 0;
        errno = 0;
        if (!strcmp(word, "file")) {
            if (fd >= 0) {
                close(fd);
            }
            unlink(path);
            fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
            for (long at = 0; at < a; at += PAGE) {
                memset(buffer, 1 + at / PAGE % 100, PAGE);
                pwrite(fd, buffer, a - at < PAGE ? a - at : PAGE, at);
            }
            fsync(fd);
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            close(fd);
            fd = open(path, O_RDWR);
            printf("done\n");
        } else if (!strcmp(word, "tmpfs")) {
            if (fd >= 0) {
                close(fd);
            }
            path = mounted(argv[1], a, c);
            fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
            for (long at = 0; at < b; at += PAGE) {
                memset(buffer, 1 + at / PAGE % 100, PAGE);
                pwrite(fd, buffer, b - at < PAGE ? b - at : PAGE, at);
            }
            printf("done\n");
        } else if (!strcmp(word, "memfd")) {
            static char name[64];
            if (fd >= 0) {
                close(fd);
            }
            fd = memfd_create("m", 0);
            ftruncate(fd, a);
            snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
            path = name;
            printf("done\n");
        } else if (!strcmp(word, "place")) {
            char *found = mmap(NULL, a, PROT_READ, b, fd, c);
            printf("%d\n", (((uintptr_t)found - c) & 0x1fffff) == 0);
            munmap(found, a);
        } else if (!strcmp(word, "smaps")) {
            const char *fields[] = {"Rss", "Anonymous", "ShmemPmdMapped", "FilePmdMapped"};
            for (int i = 0; i < 4; i++) {
                printf("%ld ", number_of("/proc/self/smaps", fields[i], (uintptr_t)area[a]));
            }
            printf("%ld\n", number_of("/proc/self/smaps", "THPeligible", (uintptr_t)area[a]));
        } else if (!strcmp(word, "events")) {
            happened(1);
        } else if (!strcmp(word, "sum")) {
            printf("%lx\n", sum());
        } else if (!strcmp(word, "open")) {
            close(fd);
            fd = open(path, O_RDWR);
            printf("done\n");
        } else if (!strcmp(word, "dump")) {
            dump(0);
        } else if (!strcmp(word, "uses")) {
            dump(1);
        } else if (!strcmp(word, "map")) {
            area[a] = mmap((void *)(0x100000000000L + (a << 32) + (e << 12)), b * PAGE, PROT_READ | PROT_WRITE,
                    d | MAP_FIXED, fd, c * PAGE);
            pages_of[a] = b;
            printf("%d\n", area[a] == MAP_FAILED ? -errno : 0);
        } else if (!strcmp(word, "exec")) {
            area[a] = mmap((void *)(0x100000000000L + (a << 32)), b * PAGE, PROT_READ | PROT_EXEC, d | MAP_FIXED, fd, c * PAGE);
            pages_of[a] = b;
            printf("%d\n", area[a] == MAP_FAILED ? -errno : 0);
        } else if (!strcmp(word, "unmap")) {
            munmap(area[a], pages_of[a] * PAGE);
            area[a] = NULL;
            printf("done\n");
        } else if (!strcmp(word, "load") || !strcmp(word, "store")) {
            long min = minor(), maj = major();
            int value = -1;
            int signal = sigsetjmp(back, 1);
            if (signal == 0) {
                volatile char *at = area[a] + b * PAGE;
                if (word[0] == 'l') {
                    value = *at;
                } else {
                    *(volatile long *)at = value = 7;
                }
            }
            long now = minor();
            printf("%d %d %ld %ld\n", value, signal, now - min, major() - maj);
        } else if (!strcmp(word, "present")) {
                        for (long i = 0; i < pages_of[a]; i++) {
                uint64_t e = entry(area[a] + i * PAGE);
                putchar(!(e >> 63) ? '.' : e >> 61 & 1 ? (e >> 56 & 1 ? 'F' : 'f') : (e >> 56 & 1 ? 'A' : 'a'));
            }
            printf("\n");
        } else if (!strcmp(word, "mincore")) {
            unsigned char *core = calloc(pages_of[a], 1);
            mincore(area[a], pages_of[a] * PAGE, core);
                        for (long i = 0; i < pages_of[a]; i++) {
                putchar(core[i] & 1 ? '1' : '0');
            }
            printf("\n");
            free(core);
        } else if (!strcmp(word, "cachestat")) {
            uint64_t range[2] = {a, b}, stat[5] = {0};
            result = syscall(451, fd, range, stat, 0);
            printf("%ld %ld %ld\n", result, (long)stat[0], (long)stat[1]);
        } else {
            long min = minor();
            if (!strcmp(word, "read")) {
                result = pread(fd, buffer, b, a);
            } else if (!strcmp(word, "next")) {
                result = read(fd, buffer, a);
            } else if (!strcmp(word, "write")) {
                memset(buffer, 9, b);
                result = pwrite(fd, buffer, b, a);
            } else if (!strcmp(word, "blind")) {
                result = pwrite(fd, (void *) 4096, b, a);
            } else if (!strcmp(word, "fadvise")) {
                result = -posix_fadvise(fd, a, b, c);
            } else if (!strcmp(word, "readahead")) {
                result = readahead(fd, a, b);
            } else if (!strcmp(word, "truncate")) {
                result = ftruncate(fd, a);
            } else if (!strcmp(word, "punch")) {
                result = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a, b);
            } else if (!strcmp(word, "fallocate")) {
                result = fallocate(fd, a, b, c);
            } else if (!strcmp(word, "madvise")) {
                result = madvise(area[a] + b * PAGE, c * PAGE, d);
            } else if (!strcmp(word, "mlock")) {
                result = mlock(area[a] + b * PAGE, c * PAGE);
            } else if (!strcmp(word, "munlock")) {
                result = munlock(area[a] + b * PAGE, c * PAGE);
            } else if (!strcmp(word, "protect")) {
                result = mprotect(area[a] + b * PAGE, c * PAGE, d);
            } else {
                fprintf(stderr, "unknown: %s", line);
                return 1;
            }
            printf("%ld %ld\n", result < 0 && errno ? -errno : result, minor() - min);
        }
        /* Until what was read ahead has arrived. */
        usleep(3000);
        fflush(stdout);
    }
    unlink(argv[1]);
    return 0;
}
