package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.fault.HugetlbFills;
import io.pagewalk.kernel.fault.UserfaultPages;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The userfaultfds of one machine, and what the running system call has to tell their readers when it ends. */
public final class Userfaultfds {
    /** Flag of {@code userfaultfd()}: faults that the kernel makes for a program are not told ({@code UFFD_USER_MODE_ONLY}). */
    static final int USER_MODE_ONLY = 1;

    private static final String NAME = "anon_inode:[userfaultfd]";
    private static final int SHARED_FLAGS = OpenFile.O_CLOEXEC | OpenFile.O_NONBLOCK;

    private final FileSystem files;
    private final UserfaultPages pages;
    private final HugetlbFills hugePages;
    private final Supplier<@Nullable UserfaultTask> current;
    private final List<Told> told = new ArrayList<>();
    private long nextId = 1;

    /** An event that waits for the end of the call. */
    private record Told(Userfaultfd context, Message message) {}

    /**
     * Creates the userfaultfds of a machine that has none.
     *
     * @param files makes the files
     * @param pages puts pages into page tables
     * @param hugePages puts huge pages of pools there
     * @param current the running task, null when none runs
     */
    public Userfaultfds(
            FileSystem files, UserfaultPages pages, HugetlbFills hugePages, Supplier<@Nullable UserfaultTask> current) {
        this.files = files;
        this.pages = pages;
        this.hugePages = hugePages;
        this.current = current;
    }

    /**
     * The system call: {@code fs/userfaultfd.c:SYSCALL_DEFINE1(userfaultfd)}.
     *
     * @param task who calls
     * @param flags {@code O_CLOEXEC}, {@code O_NONBLOCK}, {@code UFFD_USER_MODE_ONLY}
     * @param isForAll {@code vm.unprivileged_userfaultfd}
     * @return a descriptor, {@code -EPERM}, {@code -EINVAL} for other flags
     */
    public long userfaultfd(UserfaultTask task, int flags, boolean isForAll) {
        boolean isAllowed = (flags & USER_MODE_ONLY) != 0 || task.mm().isPrivileged() || isForAll;
        return isAllowed ? create(task, flags) : -Errno.EPERM;
    }

    /** {@code new_userfaultfd()}. */
    long create(UserfaultTask task, int flags) {
        if ((flags & ~(SHARED_FLAGS | USER_MODE_ONLY)) != 0) {
            return -Errno.EINVAL;
        }
        return install(task, newContext(task.mm(), flags, 0));
    }

    Userfaultfd newContext(Mm mm, int flags, long features) {
        return new Userfaultfd(this, nextId++, mm, flags, features);
    }

    /** Opens a file on a context and gives it a descriptor. */
    long install(UserfaultTask task, Userfaultfd context) {
        int flags = context.flags() & SHARED_FLAGS;
        OpenFile file = files.openAnonymous(NAME, flags & ~OpenFile.O_CLOEXEC, context);
        return task.files().install(file, 0, (flags & OpenFile.O_CLOEXEC) != 0);
    }

    UserfaultPages pages() {
        return pages;
    }

    HugetlbFills hugePages() {
        return hugePages;
    }

    @Nullable
    UserfaultTask current() {
        return current.get();
    }

    /** Notes an event for the end of the call; the same one is noted once. */
    void note(Userfaultfd context, Message message) {
        for (Told other : told) {
            if (other.context == context
                    && message.event() == Message.UNMAP
                    && other.message.event() == Message.UNMAP
                    && other.message.address() == message.address()
                    && other.message.end() == message.end()) {
                return;
            }
        }
        context.changing(1);
        told.add(isShrunk(message) ? told.size() - 1 : told.size(), new Told(context, message));
    }

    /** Returns whether a move comes after the end of its area was cut off, which is told later: {@code mm/mremap.c:shrink_vma()}. */
    private boolean isShrunk(Message message) {
        if (message.event() != Message.REMAP || told.isEmpty()) {
            return false;
        }
        Message last = told.getLast().message;
        return last.event() == Message.UNMAP && last.address() == message.address() + message.third();
    }

    /** Returns the context that a fork in progress has made of another, or null. */
    @Nullable
    Userfaultfd forkedFrom(Userfaultfd context, Mm child) {
        for (Told event : told) {
            Userfaultfd forked = event.message.forked();
            if (event.context == context && forked != null && forked.mm() == child) {
                return forked;
            }
        }
        return null;
    }

    /**
     * Drops what is to be told of a child that came to nothing: {@code dup_userfaultfd_fail()}.
     *
     * @param child its address space
     */
    public void forkFailed(Mm child) {
        told.removeIf(event -> {
            Userfaultfd forked = event.message.forked();
            boolean isOfChild = forked != null && forked.mm() == child;
            if (isOfChild) {
                event.context.changing(-1);
            }
            return isOfChild;
        });
    }

    /** Tells what the call that ends now has changed, one event after the other; the caller sleeps until all were read: {@code userfaultfd_event_wait_completion()}. */
    public void endCall() {
        if (told.isEmpty()) {
            return;
        }
        List<Told> events = new ArrayList<>(told);
        told.clear();
        next(events, 0, current.get());
    }

    private static void next(List<Told> events, int index, @Nullable UserfaultTask caller) {
        if (index == events.size()) {
            return;
        }
        Told event = events.get(index);
        event.message.onCompletion(() -> {
            event.context.changing(-1);
            if (caller != null && caller.isAsleep()) {
                caller.wake();
            }
            next(events, index + 1, caller);
        });
        event.context.send(event.message, caller);
    }
}
