package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.UserfaultSource;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.Sleeper.Sleep;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultAreas;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One userfaultfd: {@code struct userfaultfd_ctx} and its file operations.
 *
 * <pre>
 *   fault ---> pending ---read---> delivered ---ioctl---> the task makes the access again
 *   event ---> events  ---read---------------------------> the system call that caused it ends
 * </pre>
 */
public final class Userfaultfd implements UserfaultSource, CharDevice {
    private static final long FLAG_WRITE = 1;
    private static final long FLAG_WP = 1 << 1;
    private static final long FLAG_MINOR = 1 << 2;
    private static final int POLLIN = 1;
    private static final int POLLERR = 8;
    /** Marks the features as chosen ({@code UFFD_FEATURE_INITIALIZED}). */
    private static final long INITIALIZED = 1L << 31;

    private final Userfaultfds all;
    private final long id;
    private final Mm mm;
    private final int flags;
    private final List<Message> pending = new ArrayList<>();
    private final List<Message> delivered = new ArrayList<>();
    private final List<Message> events = new ArrayList<>();
    private final List<UserfaultTask> readers = new ArrayList<>();
    private final UserfaultIoctls ioctls = new UserfaultIoctls(this);
    private long features;
    private boolean isReleased;
    private int changing;

    Userfaultfd(Userfaultfds all, long id, Mm mm, int flags, long features) {
        this.all = all;
        this.id = id;
        this.mm = mm;
        this.flags = flags;
        this.features = features;
    }

    @Override
    public long id() {
        return id;
    }

    Userfaultfds all() {
        return all;
    }

    Mm mm() {
        return mm;
    }

    int flags() {
        return flags;
    }

    /** Chooses what it does; returns false when that was done before. */
    boolean initialize(long wanted) {
        if (features != 0) {
            return false;
        }
        features = wanted | INITIALIZED;
        return true;
    }

    boolean isInitialized() {
        return features != 0;
    }

    private boolean has(long feature) {
        return (features & feature) != 0;
    }

    /** Counts calls that change areas under way and not yet told: {@code mmap_changing}. */
    void changing(int delta) {
        changing += delta;
        KernelBug.on(changing < 0, "mmap_changing below zero");
    }

    boolean isChanging() {
        return changing != 0;
    }

    @Override
    public boolean protectsUnpopulated() {
        return has(Features.WP_UNPOPULATED);
    }

    @Override
    public boolean isWpAsync() {
        return has(Features.WP_ASYNC);
    }

    @Override
    public boolean followsMoves() {
        return has(Features.EVENT_REMAP);
    }

    @Override
    public int handle(FaultTask task, Vma vma, long vaddr, boolean isWrite, long reason, boolean isUser) {
        boolean isMute = has(Features.SIGBUS) || (!isUser && (flags & Userfaultfds.USER_MODE_ONLY) != 0);
        if (task.isExiting() || isMute || !(task instanceof UserfaultTask sleeper)) {
            return FaultOutcome.BEYOND_END;
        }
        if (sleeper.isAsleep()) {
            return FaultOutcome.WAITS;
        }
        long what = isWrite ? FLAG_WRITE : 0;
        what |= reason == VmaFlags.VM_UFFD_WP ? FLAG_WP : 0;
        what |= reason == VmaFlags.VM_UFFD_MINOR ? FLAG_MINOR : 0;
        long address = has(Features.EXACT_ADDRESS) ? vaddr : vaddr & -vma.kernelPageBytes();
        Message message = new Message(Message.PAGEFAULT, what, address, has(Features.THREAD_ID) ? task.tid() : 0);
        message.setWaiter(sleeper);
        pending.add(message);
        sleeper.sleep(new Sleep() {
            @Override
            public boolean makesCallAgain() {
                return true;
            }

            @Override
            public void abandon() {
                pending.remove(message);
                delivered.remove(message);
            }
        });
        wakeReaders();
        return FaultOutcome.WAITS;
    }

    /** Wakes those who wait for a place in a range; length 0 means all: {@code __wake_userfault()}. */
    void wake(long start, long length) {
        wake(pending, start, length);
        wake(delivered, start, length);
    }

    private static void wake(List<Message> queue, long start, long length) {
        // Latest first, as wake_up() walks a queue that grows at its head.
        for (Message message : List.copyOf(queue).reversed()) {
            if (length == 0 || (message.address() >= start && message.address() < start + length)) {
                queue.remove(message);
                UserfaultTask waiter = message.waiter();
                if (waiter != null) {
                    waiter.wake();
                }
            }
        }
    }

    /** Queues an event; the caller sleeps, unless nobody can read any more. */
    void send(Message message, @Nullable UserfaultTask caller) {
        if (isReleased || caller == null || caller.isKilled() || caller.isExiting()) {
            abort(message);
            return;
        }
        message.setWaiter(caller);
        events.add(message);
        if (!caller.isAsleep()) {
            caller.sleep(new Sleep() {
                @Override
                public boolean makesCallAgain() {
                    return false;
                }

                @Override
                public void abandon() {
                    events.remove(message);
                    message.setWaiter(null);
                    abort(message);
                }
            });
        }
        wakeReaders();
    }

    private static void abort(Message message) {
        Userfaultfd forked = message.forked();
        if (forked != null) {
            UserfaultAreas.resetAll(forked.mm, forked);
        }
        message.complete();
    }

    private void wakeReaders() {
        List<UserfaultTask> asleep = List.copyOf(readers);
        readers.clear();
        asleep.forEach(UserfaultTask::wake);
    }

    @Override
    public @Nullable UserfaultContext forFork(Mm child) {
        if (!has(Features.EVENT_FORK)) {
            return null;
        }
        Userfaultfd known = all.forkedFrom(this, child);
        if (known != null) {
            return known;
        }
        Userfaultfd forked = all.newContext(child, flags, features);
        Message message = new Message(Message.FORK, 0, 0, 0);
        message.setForked(forked);
        all.note(this, message);
        return forked;
    }

    @Override
    public void noteUnmap(long start, long end) {
        if (has(Features.EVENT_UNMAP)) {
            all.note(this, new Message(Message.UNMAP, start, end, 0));
        }
    }

    @Override
    public void noteMove(long from, long to, long lengthBytes) {
        all.note(this, new Message(Message.REMAP, from, to, lengthBytes));
    }

    @Override
    public boolean beforeRemove(long start, long end, LongSupplier rest) {
        UserfaultTask caller = all.current();
        if (!has(Features.EVENT_REMOVE) || isReleased || caller == null) {
            return false;
        }
        Message message = new Message(Message.REMOVE, start, end, 0);
        changing(1);
        message.onCompletion(() -> {
            changing(-1);
            UserfaultTask waiter = message.waiter();
            if (waiter != null && waiter.isAsleep()) {
                waiter.wakeAndGoOn(rest);
            }
        });
        send(message, caller);
        return true;
    }

    /** {@code userfaultfd_read_iter()}. */
    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (!isInitialized()) {
            return -Errno.EINVAL;
        }
        int done = 0;
        while (target.length - done >= Message.BYTES) {
            byte[] message = next();
            if (message == null) {
                return done > 0 ? done : empty(file);
            }
            System.arraycopy(message, 0, target, done, Message.BYTES);
            done += Message.BYTES;
        }
        return done > 0 ? done : -Errno.EINVAL;
    }

    /** Takes the oldest message that nobody has read, or returns null: {@code userfaultfd_ctx_read()}. */
    private byte @Nullable [] next() {
        if (!pending.isEmpty()) {
            Message message = pending.removeFirst();
            delivered.add(message);
            return message.bytes(message.firstWord());
        }
        UserfaultTask reader = all.current();
        if (events.isEmpty() || reader == null) {
            return null;
        }
        Message message = events.removeFirst();
        Userfaultfd forked = message.forked();
        byte[] bytes = message.bytes(forked == null ? message.firstWord() : all.install(reader, forked));
        message.complete();
        return bytes;
    }

    private long empty(OpenFile file) {
        UserfaultTask reader = all.current();
        if ((file.flags() & OpenFile.O_NONBLOCK) == 0 && reader != null) {
            readers.add(reader);
            reader.sleep(new Sleep() {
                @Override
                public boolean makesCallAgain() {
                    return true;
                }

                @Override
                public void abandon() {
                    readers.remove(reader);
                }
            });
        }
        return -Errno.EAGAIN;
    }

    @Override
    public int poll(OpenFile file) {
        if (!isInitialized() || (file.flags() & OpenFile.O_NONBLOCK) == 0) {
            return POLLERR;
        }
        return pending.isEmpty() && events.isEmpty() ? 0 : POLLIN;
    }

    @Override
    public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        return ioctls.call(command, argument, user);
    }

    /** {@code noop_llseek()}. */
    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    @Override
    public long seek(OpenFile file, long offset, int whence) {
        return file.positionBytes();
    }

    /** {@code userfaultfd_release()}. */
    @Override
    public void release(OpenFile file) {
        isReleased = true;
        if (mm.users() > 0) {
            UserfaultAreas.clearAll(mm, this);
        }
        wake(0, 0);
        for (Message message : List.copyOf(events)) {
            events.remove(message);
            abort(message);
        }
        wakeReaders();
    }

    /** Returns what {@code /proc/PID/fdinfo} says beside position and flags: {@code userfaultfd_show_fdinfo()}. */
    public String fdinfo() {
        return "pending:\t" + pending.size() + "\ntotal:\t" + (pending.size() + delivered.size()) + "\nAPI:\t"
                + Long.toHexString(UserfaultIoctls.API) + ":" + Long.toHexString(features) + ":"
                + Long.toHexString(UserfaultIoctls.API_IOCTLS | UserfaultIoctls.RANGE_IOCTLS) + "\n";
    }
}
