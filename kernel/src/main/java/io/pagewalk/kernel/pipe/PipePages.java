package io.pagewalk.kernel.pipe;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.gup.GetUserPages;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Sleeper;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What all pipes of a machine share: where their pages come from, and who is running. */
public final class PipePages {
    private static final int PIPE_GFP = Gfp.GFP_HIGHUSER | Gfp.ACCOUNT;

    private final PhysicalMemory memory;
    private final PageAllocator allocator;
    private final GetUserPages users;
    private final Supplier<@Nullable Sleeper> current;

    /**
     * Creates it for one machine.
     *
     * @param memory contents of frames
     * @param allocator gives pages for what is written
     * @param users lends pages of programs
     * @param current the task that makes the present call, null for none
     */
    public PipePages(
            PhysicalMemory memory, PageAllocator allocator, GetUserPages users, Supplier<@Nullable Sleeper> current) {
        this.memory = memory;
        this.allocator = allocator;
        this.users = users;
        this.current = current;
    }

    PhysicalMemory memory() {
        return memory;
    }

    @Nullable
    Sleeper current() {
        return current.get();
    }

    /** Returns a page for what is written, or {@link PageAllocator#NO_PAGE}. */
    long allocate() {
        return allocator.allocPage(PIPE_GFP);
    }

    /** Gives back the page of a buffer: {@code pipe_buf_release()}. */
    void release(PipeBuffer buffer) {
        if (buffer.isLent()) {
            users.put(new long[] {buffer.pfn()}, 1);
        } else {
            allocator.freePages(buffer.pfn(), 0);
        }
    }
}
