/* Three threads at a time and two one after the other; exits with 3. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *work(void *given) {
    volatile char *memory = malloc(300000);
    for (int i = 0; i < 300000; i += 64) memory[i] = 1;
    free((void *) memory);
    return given;
}

int main(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(threads + i, NULL, work, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        pthread_create(threads, NULL, work, NULL);
        pthread_join(threads[0], NULL);
    }
    puts("done");
    return 3;
}
