package io.pagewalk.workload.read;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.SyscallEvent;
import java.util.ArrayList;
import java.util.List;

/** A sink that keeps everything, accesses as short texts. */
public class EventLog implements AccessSink {
    /** Everything in order. */
    public final List<String> lines = new ArrayList<>();

    /** The calls in order. */
    public final List<SyscallEvent> calls = new ArrayList<>();

    /** Accesses by kind. */
    public final long[] counts = new long[3];

    /** The threads that were switched to, in order. */
    public final List<Integer> switches = new ArrayList<>();

    @Override
    public void access(int kind, long vaddr, int sizeBytes) {
        counts[kind]++;
        lines.add(Access.name(kind) + " " + Long.toHexString(vaddr) + " " + sizeBytes);
    }

    @Override
    public void switchThread(int thread) {
        switches.add(thread);
        lines.add("thread " + thread);
    }

    @Override
    public void syscall(SyscallEvent event) {
        calls.add(event);
        lines.add("call " + event.number() + " = " + event.result());
    }

    @Override
    public void exitThread(int thread, int status) {
        lines.add("exit of thread " + thread + ": " + status);
    }

    @Override
    public void exitProcess(int status) {
        lines.add("exit " + status);
    }

    /** Returns the calls with a number. */
    public List<SyscallEvent> calls(int number) {
        return calls.stream().filter(call -> call.number() == number).toList();
    }
}
