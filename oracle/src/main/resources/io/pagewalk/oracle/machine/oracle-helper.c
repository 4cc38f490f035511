/* Does what a parent asks on the kernel that it runs on, so that a model can be compared with that kernel: raw system calls, loads and stores, in a tree of processes and threads.

   Only the requests may change the address spaces, and the helper must cause no page fault of its own between two requests. Therefore it has no C library, no data segment and no
   heap: everything it writes, the stacks included, lies in one shared mapping (the control area, a memfd), whose entries fork() does not copy and which each process touches before it
   reports for work. A process that executes this program again (EXEC) maps it again and takes its slot up where it was. Addresses are not randomised. SIGSEGV and SIGBUS of a load or store are caught on an alternate stack and reported.

   Which list a page stands on, and whether it is referenced or may be dropped, Linux changes in batches of one CPU. So that this is exact, all processes stay on one CPU, and each request
   ends with a call that empties its batches.

   Protocol, little endian, 64-bit words: on standard input a count and that many requests {slot, kind, number, six arguments}, on standard output that many answers
   {result, signal, minor faults, major faults, value}. A slot is a process or thread; slot 0 is the first process, FORK makes others. At the start the program writes "ready\n".

   A slot that makes another by CLONE_VFORK is not heard of until that one ends or executes a program; slot 0 never does so, because it speaks for all.

   usage: oracle-helper DATAFILE      (descriptors 3 read-write, 4 read-only, 5 read-write, 6 write-only: DATAFILE; 7 and 8 two memfds of 20 pages and 100 bytes;
   9 and 10 two memfds of 4 huge pages, where the kernel has such; 10 can be sealed) */

typedef unsigned long u64;
typedef long i64;

#define SYS_read 0
#define SYS_write 1
#define SYS_open 2
#define SYS_close 3
#define SYS_mmap 9
#define SYS_rt_sigaction 13
#define SYS_mincore 27
#define SYS_shmget 29
#define SYS_shmat 30
#define SYS_shmctl 31
#define SYS_execve 59
#define SYS_exit 60
#define SYS_fcntl 72
#define SYS_wait4 61
#define SYS_ftruncate 77
#define SYS_getrusage 98
#define SYS_sigaltstack 131
#define SYS_personality 135
#define SYS_prctl 157
#define SYS_prlimit64 302
#define SYS_futex 202
#define SYS_sched_setaffinity 203
#define SYS_fadvise64 221
#define SYS_exit_group 231
#define SYS_unshare 272
#define SYS_getcpu 309
#define SYS_getpid 39
#define SYS_gettid 186
#define SYS_memfd_create 319

enum { CALL, LOAD, STORE, MINCORE, SUM, FORK, EXIT, WAIT, FETCH, LIMIT, CLEAR, EXEC, POOL };

#define MAX_BATCH 1024
#define SEGMENTS 8
#define SEGMENT_MARK 0x5e6      /* sixth argument when a segment is named by its place here */
#define SLOTS 16
#define PAGE 4096
#define DRAIN_FD 200            /* this program; no history knows the number */
#define CONTROL_FD 201
#define CLONE_VFORK 0x4000
#define VEC_BYTES 16384
#define SIGNAL_STACK 65536
#define STACK 16384

struct request { u64 slot, kind, number, args[6]; };
struct answer { i64 result, signal; u64 minor, major, value; };

struct slot {
    unsigned char signal_stack[SIGNAL_STACK];
    unsigned char stack[STACK];
    unsigned char vec[VEC_BYTES];
    volatile int word;          /* 1: has work, 0: idle */
    volatile int tid;           /* of a thread; the kernel clears it */
    volatile int caught;
    int pid;
    volatile u64 first, end;
    volatile u64 target;        /* of a FETCH that is under way */
    u64 scratch;
    u64 usage[18];
    unsigned char rest[PAGE - 192];
};

struct control {
    u64 count;
    i64 segments[SEGMENTS];     /* numbers of System V segments */
    u64 next;                   /* where slot 0 goes on in the batch when it has executed the program again */
    u64 pad[510 - SEGMENTS];
    struct request requests[MAX_BATCH];
    struct answer answers[MAX_BATCH];
    struct slot slots[SLOTS];
};

#define CONTROL ((struct control *) 0x200000000UL)

extern char __executable_start[], end[];
extern char do_load[], do_store[], fault_return[], fetch_fault_return[];
i64 load_word(u64 address, u64 *value);
i64 store_word(u64 address, u64 value);
i64 fetch_code(u64 address);
i64 clone_slot(u64 flags, void *stack_top, u64 slot, volatile int *child_tid);
void enter(void *stack_top, u64 slot);
void restore_signal(void);

asm(".text\n"
    ".globl _start\n_start: movq %rsp,%rdi\n andq $-16,%rsp\n call begin\n hlt\n"
    ".globl load_word\nload_word:\n.globl do_load\ndo_load: movq (%rdi),%rax\n movq %rax,(%rsi)\n xorl %eax,%eax\n ret\n"
    ".globl store_word\nstore_word:\n.globl do_store\ndo_store: movq %rsi,(%rdi)\n xorl %eax,%eax\n ret\n"
    ".globl fetch_code\nfetch_code: subq $8,%rsp\n callq *%rdi\n xorl %eax,%eax\n addq $8,%rsp\n ret\n"
    ".globl fetch_fault_return\nfetch_fault_return: addq $16,%rsp\n movl $1,%eax\n ret\n"
    ".globl fault_return\nfault_return: movl $1,%eax\n ret\n"
    ".globl restore_signal\nrestore_signal: movl $15,%eax\n syscall\n"
    ".globl enter\nenter: movq %rdi,%rsp\n movq %rsi,%rdi\n xorl %ebp,%ebp\n call slot_main\n hlt\n"
    ".globl clone_slot\nclone_slot: subq $16,%rsi\n movq %rdx,(%rsi)\n movq %rcx,%r10\n xorl %edx,%edx\n xorl %r8d,%r8d\n movl $56,%eax\n syscall\n"
    " testq %rax,%rax\n jnz 1f\n movq (%rsp),%rdi\n xorl %ebp,%ebp\n call slot_main\n hlt\n1: ret\n");

static inline i64 call6(u64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    i64 result;
    register u64 r10 asm("r10") = d;
    register u64 r8 asm("r8") = e;
    register u64 r9 asm("r9") = f;
    asm volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
#define call3(n, a, b, c) call6(n, (u64) (a), (u64) (b), (u64) (c), 0, 0, 0)

static void fail(const char *message)
{
    u64 length = 0;
    while (message[length])
        length++;
    call3(SYS_write, 2, message, length);
    call3(SYS_exit_group, 3, 0, 0);
}

/* struct siginfo: signo, errno, code. struct ucontext: the instruction pointer is the 17th saved register behind 40 bytes. */
static void on_signal(int number, int *info, u64 *context)
{
    u64 *ip = &context[5 + 16];
    u64 here = (u64) &number;
    u64 slot = (here - (u64) CONTROL->slots) / sizeof(struct slot);
    int is_fetch = slot < SLOTS && *ip == CONTROL->slots[slot].target;
    if ((*ip != (u64) do_load && *ip != (u64) do_store && !is_fetch) || slot >= SLOTS)
        fail("oracle-helper: fault outside a load, store or call\n");
    CONTROL->slots[slot].caught = number << 8 | (info[2] & 0xff);
    *ip = is_fetch ? (u64) fetch_fault_return : (u64) fault_return;
}

static void transfer(u64 number, void *at, u64 length)
{
    char *p = at;
    while (length) {
        i64 n = call3(number, number == SYS_write, p, length);
        if (n <= 0)
            call3(SYS_exit_group, 0, 0, 0);
        p += n;
        length -= n;
    }
}

static void wait_while(volatile int *word, int value)
{
    while (*word == value)
        call6(SYS_futex, (u64) word, 0, value, 0, 0, 0);
}

static void set_word(volatile int *word, int value)
{
    *word = value;
    call6(SYS_futex, (u64) word, 1, 64, 0, 0, 0);
}

static void touch_slot(struct slot *s)
{
    for (u64 i = 0; i < sizeof *s; i += PAGE)
        ((volatile char *) s)[i] = ((volatile char *) s)[i];
}

/* Stays on the CPU that it runs on. */
static void pin(void)
{
    u64 mask[128] = {0};
    unsigned cpu = 0;
    call3(SYS_getcpu, &cpu, 0, 0);
    mask[cpu / 64 % 128] = 1UL << cpu % 64;
    call3(SYS_sched_setaffinity, 0, sizeof mask, mask);
}

/* lru_add_drain(): POSIX_FADV_DONTNEED calls it before it looks for pages, and there are none so far behind the end of a file. */
static void drain(void)
{
    call6(SYS_fadvise64, DRAIN_FD, 1UL << 40, PAGE, 4, 0, 0);
}

/* Makes a process or thread for a free slot whose pages the caller has touched, and waits until it is ready for work. */
static void fork_slot(struct request *q, struct answer *a)
{
    struct slot *s = &CONTROL->slots[q->args[0]];
    int is_thread = (q->args[1] & 0x10000) != 0;
    s->tid = 1;
    s->word = 1;
    s->first = s->end = 0;
    i64 pid = clone_slot(q->args[1], s->stack + STACK, q->args[0], is_thread ? &s->tid : 0);
    a->result = pid < 0 ? pid : 0;
    a->value = pid;
    s->pid = pid;
    if (pid > 0)
        wait_while(&s->word, 1);
}

/* Writes a digit to clear_refs of a slot. A CPU sets no accessed bit again while it keeps a translation; a 4 flushes all of them. */
static i64 clear_refs(int pid, int number)
{
    char path[] = "/proc/0000000000/clear_refs";
    char digit = '0' + number;
    for (int i = 15; i > 5; i--, pid /= 10)
        path[i] = '0' + pid % 10;
    /* No number has zeros in front. */
    char *from = path + 6, *to = path + 6;
    while (*from == '0')
        from++;
    while ((*to++ = *from++))
        ;
    i64 fd = call3(SYS_open, path, 1, 0);
    if (fd < 0)
        return fd;
    i64 result = call3(SYS_write, fd, &digit, 1);
    if (result == 1 && number < 4) {
        digit = '4';
        call3(SYS_write, fd, &digit, 1);
    }
    call3(SYS_close, fd, 0, 0);
    return result;
}

/* The answer must be there before the call, because the next batch may have begun when it returns. The child tells its number itself. */
static void vfork_slot(struct slot *self, struct request *q, struct answer *a)
{
    struct slot *s = &CONTROL->slots[q->args[0]];
    touch_slot(s);
    a->result = a->signal = 0;
    a->minor = a->major = a->value = 0;
    s->tid = 0;
    s->pid = 0;
    s->first = s->end = 0;
    drain();
    i64 pid = clone_slot(q->args[1], s->stack + STACK, q->args[0], 0);
    if (pid < 0) {
        a->result = pid;
        set_word(&s->word, 0);
    }
}

/* Executes this program again, without the limits that earlier steps may have set. */
static i64 exec_slot(struct slot *self)
{
    u64 unlimited[2] = {-1UL, -1UL};
    char mark[] = {'@', '0' + (self - CONTROL->slots), 0};
    char *argv[] = {"oracle-helper", mark, 0};
    call6(SYS_prlimit64, 0, 2, (u64) unlimited, 0, 0, 0);
    call6(SYS_prlimit64, 0, 9, (u64) unlimited, 0, 0, 0);
    return call3(SYS_execve, "/proc/self/exe", argv, 0);
}

/* Sets the size of the pool of huge pages (0), or how many there may be beyond it (1), to at most 99. */
static i64 resize_pool(int which, int pages)
{
    char digits[] = {'0' + pages / 10 % 10, '0' + pages % 10};
    i64 fd = call3(SYS_open, which == 0 ? "/proc/sys/vm/nr_hugepages" : "/proc/sys/vm/nr_overcommit_hugepages", 1, 0);
    if (fd < 0)
        return fd;
    int length = pages < 10 ? 1 : 2;        /* a zero in front would mean octal */
    i64 result = call3(SYS_write, fd, digits + 2 - length, length);
    call3(SYS_close, fd, 0, 0);
    return result == length ? 0 : result;
}

static void perform(struct slot *self, struct request *q, struct answer *a)
{
    u64 minor, major;
    a->result = a->signal = 0;
    a->value = 0;
    self->caught = 0;
    if (q->kind == FORK)
        touch_slot(&CONTROL->slots[q->args[0]]);
    call3(SYS_getrusage, 1, self->usage, 0);
    minor = self->usage[8];
    major = self->usage[9];
    switch (q->kind) {
    case CALL: {
        u64 first = q->args[0];
        int is_placed = q->args[5] == SEGMENT_MARK;
        if (is_placed && (q->number == SYS_shmat || q->number == SYS_shmctl))
            first = CONTROL->segments[first % SEGMENTS];
        a->result = call6(q->number, first, q->args[1], q->args[2], q->args[3], q->args[4], q->args[5]);
        if (is_placed && q->number == SYS_shmget && a->result >= 0) {
            CONTROL->segments[q->args[3] % SEGMENTS] = a->result;
            a->result = 0;
        }
        break;
    }
    case LOAD:
        if (load_word(q->args[0], &self->scratch) == 0)
            a->value = self->scratch;
        break;
    case STORE:
        store_word(q->args[0], q->args[1]);
        break;
    case MINCORE: {
        u64 pages = (q->args[1] + PAGE - 1) / PAGE, hash = 0;
        a->result = call3(SYS_mincore, q->args[0], q->args[1], self->vec);
        for (u64 i = 0; a->result == 0 && i < pages && i < VEC_BYTES; i++)
            hash = hash * 31 + (self->vec[i] & 1);
        a->value = hash;
        break;
    }
    case SUM: {
        u64 hash = 0;
        for (u64 at = q->args[0]; at < q->args[0] + q->args[1]; at += 8) {
            if (load_word(at, &self->scratch) != 0)
                break;
            hash = hash * 31 + self->scratch;
        }
        a->value = hash;
        break;
    }
    case FETCH:
        self->target = q->args[0];
        fetch_code(q->args[0]);
        self->target = 1;
        break;
    case FORK:
        fork_slot(q, a);
        break;
    case LIMIT: {
        u64 limits[4] = {q->args[2], q->args[3], 0, 0};
        a->result = call6(SYS_prlimit64, CONTROL->slots[q->args[0]].pid, q->args[1], (u64) limits, (u64) (limits + 2), 0, 0);
        a->value = limits[2] * 31 + limits[3];
        break;
    }
    case CLEAR:
        a->result = clear_refs(CONTROL->slots[q->args[0]].pid, q->args[1]);
        break;
    case EXEC:
        a->minor = a->major = 0;
        a->result = exec_slot(self);
        break;
    case POOL:
        a->result = resize_pool(q->args[0], q->args[1]);
        break;
    case WAIT:
        a->result = call6(SYS_wait4, CONTROL->slots[q->args[0]].pid, 0, 0x40000000, 0, 0, 0) > 0 ? 0 : -10;
        break;
    }
    a->signal = self->caught;
    call3(SYS_getrusage, 1, self->usage, 0);
    a->minor = self->usage[8] - minor;
    a->major = self->usage[9] - major;
    drain();
}

static void root_loop(void);

void slot_main(u64 number)
{
    struct slot *self = &CONTROL->slots[number];
    volatile char *p;
    u64 stack[3] = {(u64) self->signal_stack, 0, SIGNAL_STACK};
    for (p = (volatile char *) __executable_start; p < (volatile char *) end; p += PAGE)
        (void) *p;
    for (p = (volatile char *) CONTROL; p < (volatile char *) CONTROL->slots; p += PAGE)
        *p = *p;
    for (u64 i = 0; i < sizeof *self; i += PAGE)
        ((volatile char *) self)[i] = ((volatile char *) self)[i];
    for (u64 i = 0; i < SLOTS; i++) {
        CONTROL->slots[i].tid = CONTROL->slots[i].tid;
        *(volatile char *) &CONTROL->slots[i].rest[sizeof CONTROL->slots[i].rest - 1] = 0;
    }
    call3(SYS_sigaltstack, stack, 0, 0);
    load_word(8, &self->scratch);
    if (self->pid == 0)
        self->pid = call3(SYS_gettid, 0, 0, 0);
    drain();
    if (number == 0)
        root_loop();
    set_word(&self->word, 0);
    for (;;) {
        wait_while(&self->word, 0);
        for (u64 i = self->first; i < self->end; i++) {
            struct request *q = &CONTROL->requests[i];
            if (q->kind == EXIT) {
                set_word(&self->word, 0);
                call3(q->number, 0, 0, 0);
            }
            if (q->kind == FORK && q->args[1] & CLONE_VFORK)
                vfork_slot(self, q, &CONTROL->answers[i]);
            else
                perform(self, q, &CONTROL->answers[i]);
        }
        set_word(&self->word, 0);
    }
}

/* A slot that ends: a thread clears its tid; of a process the one who is its parent now learns it by wait4, which is the next request. */
static void end_slot(u64 i)
{
    struct request *q = &CONTROL->requests[i];
    struct slot *s = &CONTROL->slots[q->slot];
    struct answer *a = &CONTROL->answers[i];
    a->result = a->signal = 0;
    a->minor = a->major = a->value = 0;
    wait_while(&s->word, 1);
    s->first = i;
    s->end = i + 1;
    set_word(&s->word, 1);
    if (q->number == SYS_exit)
        while (s->tid != 0) {
            int tid = s->tid;
            if (tid != 0)
                call6(SYS_futex, (u64) &s->tid, 0, tid, 0, 0, 0);
        }
}

static void root_loop(void)
{
    struct control *c = CONTROL;
    if (c->next == 0)
        transfer(SYS_write, "ready\n", 6);
    for (;;) {
        u64 i = c->next;
        if (i == 0)
            transfer(SYS_read, &c->count, 8);
        c->next = 0;
        u64 count = c->count;
        if (count == 0 || count > MAX_BATCH)
            fail("oracle-helper: bad batch\n");
        if (i == 0)
            transfer(SYS_read, c->requests, count * sizeof(struct request));
        while (i < count) {
            u64 slot = c->requests[i].slot;
            if (c->requests[i].kind == EXIT) {
                end_slot(i++);
            } else if (slot == 0) {
                if (c->requests[i].kind == EXEC)
                    c->next = i + 1;
                perform(&c->slots[0], &c->requests[i], &c->answers[i]);
                c->next = 0;
                i++;
            } else {
                struct slot *s = &c->slots[slot], *awaited = s;
                u64 j = i;
                int is_last = 0;
                for (; j < count && c->requests[j].slot == slot && c->requests[j].kind != EXIT && !is_last; j++) {
                    struct request *q = &c->requests[j];
                    int is_vfork = q->kind == FORK && q->args[1] & CLONE_VFORK;
                    is_last = is_vfork || q->kind == EXEC;
                    if (is_vfork)
                        awaited = &c->slots[q->args[0]];
                }
                wait_while(&s->word, 1);        /* it may be about to return from a vfork */
                s->first = i;
                s->end = j;
                awaited->word = 1;
                set_word(&s->word, 1);
                wait_while(&awaited->word, 1);
                if (awaited != s)
                    c->answers[j - 1].value = awaited->pid;
                i = j;
            }
        }
        transfer(SYS_write, c->answers, count * sizeof(struct answer));
    }
}

static void catch_signals(void)
{
    u64 action[4] = {(u64) on_signal, 4 | 0x08000000 | 0x04000000, (u64) restore_signal, 0};
    call6(SYS_rt_sigaction, 11, (u64) action, 0, 8, 0, 0);
    call6(SYS_rt_sigaction, 7, (u64) action, 0, 8, 0, 0);
}

static void map_control(void)
{
    if (call6(SYS_mmap, (u64) CONTROL, sizeof(struct control), 3, 1 | 0x100000, CONTROL_FD, 0) != (i64) CONTROL)
        fail("oracle-helper: no control area\n");
}

/* Gives a descriptor a number that no history knows. */
static void put_away(i64 from, int to)
{
    if (from < 0 || call3(SYS_fcntl, from, 0, to) != to)
        fail("oracle-helper: a descriptor is missing\n");
    call3(SYS_close, from, 0, 0);
}

void begin(u64 *stack)
{
    char **argv = (char **) (stack + 1);
    if (stack[0] == 2 && argv[1][0] == '@') {
        u64 number = argv[1][1] - '0';
        map_control();
        catch_signals();
        enter(CONTROL->slots[number].stack + STACK, number);
    }
    i64 persona = call3(SYS_personality, 0xffffffff, 0, 0);
    if (!(persona & 0x0040000)) {
        call3(SYS_personality, persona | 0x0040000, 0, 0);
        call3(SYS_execve, "/proc/self/exe", argv, 0);
        fail("oracle-helper: cannot start again without address randomisation\n");
    }
    if (stack[0] < 2)
        fail("oracle-helper: DATAFILE is missing\n");
    call6(SYS_prctl, 1, 9, 0, 0, 0, 0);           /* PR_SET_PDEATHSIG */
    call6(SYS_prctl, 36, 1, 0, 0, 0, 0);          /* PR_SET_CHILD_SUBREAPER */
    call3(SYS_unshare, 0x08000000, 0, 0);         /* CLONE_NEWIPC: segments go with the helper; only for root */
    pin();
    put_away(call3(SYS_open, "/proc/self/exe", 0, 0), DRAIN_FD);
    put_away(call3(SYS_memfd_create, "control", 0, 0), CONTROL_FD);
    if (call3(SYS_ftruncate, CONTROL_FD, sizeof(struct control), 0) != 0)
        fail("oracle-helper: no control area\n");
    static const short modes[] = {2, 0, 2, 1};
    for (int i = 0; i < 4; i++)
        if (call3(SYS_open, argv[1], modes[i], 0) != 3 + i)
            fail("oracle-helper: cannot open DATAFILE\n");
    for (int i = 7; i <= 8; i++)
        if (call3(SYS_memfd_create, i == 7 ? "seven" : "eight", 0, 0) != i || call3(SYS_ftruncate, i, 20 * PAGE + 100, 0) != 0)
            fail("oracle-helper: no memfd\n");
    for (int i = 9; i <= 10; i++)
        if (call3(SYS_memfd_create, i == 9 ? "nine" : "ten", i == 9 ? 4 : 6, 0) == i)
            call3(SYS_ftruncate, i, 4UL << 21, 0);
    map_control();
    for (int i = 0; i < SEGMENTS; i++)
        CONTROL->segments[i] = -1;
    CONTROL->slots[0].pid = call3(SYS_getpid, 0, 0, 0);
    u64 unlimited[2] = {-1UL, -1UL};
    call6(SYS_prlimit64, 0, 2, (u64) unlimited, 0, 0, 0);
    call6(SYS_prlimit64, 0, 9, (u64) unlimited, 0, 0, 0);
    catch_signals();
    enter(CONTROL->slots[0].stack + STACK, 0);
}
