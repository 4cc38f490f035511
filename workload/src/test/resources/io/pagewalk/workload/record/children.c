/* Forks a child that touches much memory, then dies of an invalid address. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    if (fork() == 0) {
        volatile char *memory = malloc(4000000);
        for (int i = 0; i < 4000000; i += 16) memory[i] = 1;
        _exit(7);
    }
    wait(NULL);
    *(volatile char *) 0x1234 = 1;
    return 0;
}
