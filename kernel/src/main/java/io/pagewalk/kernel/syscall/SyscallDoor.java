package io.pagewalk.kernel.syscall;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The table of system calls of one machine: {@code sys_call_table} with {@code do_syscall_64()}.
 *
 * @param <T> the task that calls
 */
public final class SyscallDoor<T> {
    private final SyscallNumbers numbers;
    private final TaskWork taskWork;
    private final @Nullable SyscallHandler<? super T>[] handlers;
    private final long[] calls = new long[SyscallNumbers.LIMIT];
    private final long[] failures = new long[SyscallNumbers.LIMIT];
    private final SortedMap<Integer, Long> outside = new TreeMap<>();
    private @Nullable SyscallListener<? super T> listener;

    /**
     * Creates a table without calls: each gives {@code -ENOSYS}.
     *
     * @param numbers the names
     * @param taskWork what calls leave to be done when they return
     */
    @SuppressWarnings({"unchecked", "rawtypes"})
    public SyscallDoor(SyscallNumbers numbers, TaskWork taskWork) {
        this.numbers = numbers;
        this.taskWork = taskWork;
        this.handlers = new SyscallHandler[SyscallNumbers.LIMIT];
    }

    /**
     * Puts a handler behind a name.
     *
     * @param name name of the call, one that Linux has
     * @param handler the code; a call has one handler only
     */
    public void register(String name, SyscallHandler<? super T> handler) {
        int nr = numbers.number(name);
        KernelBug.on(nr < 0, "no system call is named " + name);
        KernelBug.on(handlers[nr] != null, "system call " + name + " has a handler already");
        handlers[nr] = handler;
    }

    /**
     * Performs one call and counts it.
     *
     * @param task who calls
     * @param args number and arguments
     * @return what Linux leaves in {@code rax}: a result or a negated {@link Errno} number; {@code -ENOSYS} for a call without handler
     */
    public long call(T task, SyscallArgs args) {
        int nr = args.nr;
        if (nr < 0 || nr >= SyscallNumbers.LIMIT) {
            outside.merge(nr, 1L, Long::sum);
            return -Errno.ENOSYS;
        }
        calls[nr]++;
        SyscallHandler<? super T> handler = handlers[nr];
        long result = handler == null ? -Errno.ENOSYS : call(handler, task, args);
        if (Errno.isError(result)) {
            failures[nr]++;
        }
        SyscallListener<? super T> tells = listener;
        if (tells != null) {
            tells.sysExit(task, args, result);
        }
        return result;
    }

    private long call(SyscallHandler<? super T> handler, T task, SyscallArgs args) {
        int before = taskWork.enter();
        try {
            return handler.call(task, args);
        } finally {
            taskWork.leave(before);
        }
    }

    /**
     * Tells somebody about each call that has a number of Linux's, when it returns: the tracepoint {@code raw_syscalls:sys_exit}.
     *
     * @param listener who is told, or null for nobody
     */
    public void setListener(@Nullable SyscallListener<? super T> listener) {
        this.listener = listener;
    }

    /**
     * Returns whether a call is performed here.
     *
     * @param nr any number
     */
    public boolean hasHandler(int nr) {
        return nr >= 0 && nr < SyscallNumbers.LIMIT && handlers[nr] != null;
    }

    /** Returns the names. */
    public SyscallNumbers numbers() {
        return numbers;
    }

    /** Returns how often each call was made, by name in alphabetical order; calls never made are left out. */
    public SortedMap<String, Long> callsByName() {
        return byName(calls, true);
    }

    /** Returns how often each call failed, by name in alphabetical order; the others are left out. */
    public SortedMap<String, Long> failuresByName() {
        return byName(failures, false);
    }

    /** Returns how often each call that has no handler was made, by name in alphabetical order. */
    public SortedMap<String, Long> unknownByName() {
        SortedMap<String, Long> result = callsByName();
        result.keySet().removeIf(name -> hasHandler(numbers.number(name)));
        return result;
    }

    /**
     * Adds the counts.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (int nr = 0; nr < SyscallNumbers.LIMIT; nr++) {
            if (calls[nr] != 0) {
                digest.add(nr);
                digest.add(calls[nr]);
                digest.add(failures[nr]);
            }
        }
        outside.forEach((nr, count) -> {
            digest.add(nr);
            digest.add(count);
        });
    }

    private SortedMap<String, Long> byName(long[] counts, boolean withOutside) {
        SortedMap<String, Long> result = new TreeMap<>();
        for (int nr = 0; nr < SyscallNumbers.LIMIT; nr++) {
            if (counts[nr] != 0) {
                result.put(numbers.name(nr), counts[nr]);
            }
        }
        if (withOutside) {
            outside.forEach((nr, count) -> result.put(numbers.name(nr), count));
        }
        return result;
    }
}
