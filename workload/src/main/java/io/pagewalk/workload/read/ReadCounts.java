package io.pagewalk.workload.read;

/**
 * How much a reader has handed on.
 *
 * @param fetches instruction fetches
 * @param loads loads; a read-modify-write counts here and as a store
 * @param stores stores
 * @param syscalls system calls, those without return ({@code exit}, {@code exit_group}) included
 * @param threads threads seen, the first one included
 */
public record ReadCounts(long fetches, long loads, long stores, long syscalls, int threads) {
    /** Returns fetches, loads and stores together. */
    public long accesses() {
        return fetches + loads + stores;
    }
}
