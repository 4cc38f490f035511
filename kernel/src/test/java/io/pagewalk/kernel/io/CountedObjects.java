package io.pagewalk.kernel.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.TreeSet;

/** An allocator that knows which objects are out, and fails when it is told to. */
public final class CountedObjects implements ObjectAllocator {
    private final Set<Long> out = new TreeSet<>();
    private long next = 0xffff_8880_0000_0000L;
    private int failAfter = -1;

    /** Lets the nth allocation from now fail; 1 is the next. */
    public void failNth(int n) {
        failAfter = n;
    }

    @Override
    public long kmalloc(long bytes, int gfp) {
        if (failAfter > 0 && --failAfter == 0) {
            failAfter = -1;
            return 0;
        }
        next += 64;
        out.add(next);
        return next;
    }

    @Override
    public void kfree(long vaddr) {
        if (vaddr != 0) {
            assertThat(out.remove(vaddr)).as("freed what was allocated").isTrue();
        }
    }

    /** Returns how many objects are out. */
    public int count() {
        return out.size();
    }
}
