/*
 * Takes minor faults of every simple kind and prints how many the kernel counted, at the first and at the last moment.
 * Without a C library, so that nothing but what stands here touches memory.
 * Build: gcc -O1 -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin -fcf-protection=none -no-pie
 */
typedef unsigned long word;
enum { WRITE = 1, MMAP = 9, MPROTECT = 10, MUNMAP = 11, BRK = 12, MADVISE = 28, GETRUSAGE = 98, EXIT = 60 };
enum { PAGE = 4096, PAGES = 100, MINFLT = 8 };

static word call(word number, word a, word b, word c, word d, word e, word f) {
    word result;
    register word r10 __asm__("r10") = d;
    register word r8 __asm__("r8") = e;
    register word r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static volatile char bss[20 * PAGE];
static volatile char data[5 * PAGE] = {1};
static word usage[18];

static word minor_faults(void) {
    call(GETRUSAGE, 0, (word) usage, 0, 0, 0, 0);
    return usage[MINFLT];
}

static volatile char *anonymous(word pages) {
    return (volatile char *) call(MMAP, 0, pages * PAGE, 3, 0x22, -1, 0);
}

static char *number(char *to, word value) {
    char digits[20];
    int n = 0;
    do digits[n++] = '0' + value % 10; while (value /= 10);
    while (n) *to++ = digits[--n];
    return to;
}

/* Inside the stack's first 128 KiB, downwards. */
static __attribute__((noinline)) void touch_stack(void) {
    volatile char stack[25 * PAGE];
    for (int i = 24; i >= 0; i--) stack[i * PAGE] = 1;
}

void start(void) {
    char text[64];
    usage[0] = 1;
    word first = minor_faults();
    volatile char *written = anonymous(PAGES);
    for (int i = 0; i < PAGES; i++) written[i * PAGE] = 1; /* one fault a page */
    volatile char *read = anonymous(PAGES);
    char sum = 0;
    for (int i = 0; i < PAGES; i++) sum += read[i * PAGE]; /* the zero page */
    for (int i = 0; i < PAGES; i += 2) read[i * PAGE] = 1; /* copy-on-write of the zero page */
    call(MADVISE, (word) written, 10 * PAGE, 4, 0, 0, 0);
    for (int i = 0; i < 10; i++) written[i * PAGE] = 1; /* again */
    call(MPROTECT, (word) written, PAGES * PAGE, 1, 0, 0, 0);
    for (int i = 0; i < PAGES; i++) sum += written[i * PAGE]; /* still there: no fault */
    call(MUNMAP, (word) written, PAGES * PAGE, 0, 0, 0, 0);
    for (int i = 0; i < 20; i++) bss[i * PAGE] = 1;
    for (int i = 0; i < 5; i++) data[i * PAGE] = 2; /* private copies of file pages */
    word heap = call(BRK, 0, 0, 0, 0, 0, 0);
    heap = (heap + PAGE - 1) & -(word) PAGE;
    call(BRK, heap + 8 * PAGE, 0, 0, 0, 0, 0);
    for (int i = 0; i < 8; i++) ((volatile char *) heap)[i * PAGE] = 1;
    touch_stack();
    volatile char *changed = anonymous(10);
    for (int i = 0; i < 10; i++) __asm__ volatile("incb %0" : "+m"(changed[i * PAGE])); /* read and written by one instruction: one fault */
    word last = minor_faults();
    char *end = number(text, first);
    *end++ = ' ';
    end = number(end, last);
    *end++ = '\n';
    call(WRITE, 1, (word) text, end - text, 0, 0, 0);
    call(EXIT, sum & 0, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call start\n");
