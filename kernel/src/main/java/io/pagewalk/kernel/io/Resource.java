package io.pagewalk.kernel.io;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A range of ports or physical addresses and what it is for: {@code struct resource}. Resources form trees; a child lies inside its parent, siblings are sorted and do not overlap.
 *
 * <pre>
 *   root ("PCI mem") -- child --> System RAM --- sibling --> PCI Bus 0000:00 --> ...
 *                                    |                           |
 *                                  child                       child
 *                                    v                           v
 *                                Kernel code                0000:00:02.0 -- child --> "fbcard" (busy)
 * </pre>
 */
public final class Resource {
    /** Type: I/O ports. */
    public static final int IO = 0x100;

    /** Type: physical addresses. */
    public static final int MEM = 0x200;

    /** The type bits. */
    public static final int TYPE_BITS = 0x1f00;

    /** Reads have no effect, so accesses may be gathered. */
    public static final int PREFETCH = 0x2000;

    /** A device window that can lie above 4 GiB. */
    public static final int MEM_64 = 0x10_0000;

    /** A bridge passes this range on. */
    public static final int WINDOW = 0x20_0000;

    /** Owners take turns: {@code request_muxed_region()}. */
    public static final int MUXED = 0x40_0000;

    /** Extended type bits. */
    public static final int EXT_TYPE_BITS = 0x100_0000;

    /** With {@link #MEM}: RAM. */
    public static final int SYSRAM = 0x100_0000;

    /** RAM: {@code IORESOURCE_SYSTEM_RAM}. */
    public static final int SYSTEM_RAM = MEM | SYSRAM;

    /** User space may not map it. */
    public static final int EXCLUSIVE = 0x800_0000;

    /** Switched off. */
    public static final int DISABLED = 0x1000_0000;

    /** Has a size but no address yet. */
    public static final int UNSET = 0x2000_0000;

    /** A driver uses it. */
    public static final int BUSY = 0x8000_0000;

    private final @Nullable String name;
    private long start;
    private long end;
    private int flags;
    private final long object;

    @Nullable
    Resource parent;

    @Nullable
    Resource sibling;

    @Nullable
    Resource child;

    /**
     * Creates a resource that is in no tree.
     *
     * @param name who uses it, or null
     * @param start first address
     * @param end last address, inclusive
     * @param flags the constants of this class
     */
    public Resource(@Nullable String name, long start, long end, int flags) {
        this(name, start, end, flags, 0);
    }

    /** A resource whose {@code struct resource} was allocated at a kernel address. */
    Resource(@Nullable String name, long start, long end, int flags, long object) {
        this.name = name;
        this.start = start;
        this.end = end;
        this.flags = flags;
        this.object = object;
    }

    /** Returns who uses it, or null. */
    public @Nullable String name() {
        return name;
    }

    /** Returns the first address or port. */
    public long start() {
        return start;
    }

    /** Returns the last address or port. */
    public long end() {
        return end;
    }

    /** Returns its length: {@code resource_size()}. */
    public long size() {
        return end - start + 1;
    }

    /** Returns the flags. */
    public int flags() {
        return flags;
    }

    /**
     * Returns whether all of some flags are set.
     *
     * @param mask constants of this class
     */
    public boolean has(int mask) {
        return (flags & mask) == mask;
    }

    /** Returns the type: {@link #IO} or {@link #MEM}. */
    public int type() {
        return flags & TYPE_BITS;
    }

    /** Returns what it lies in, null for a root and outside a tree. */
    public @Nullable Resource parent() {
        return parent;
    }

    /** Returns the next one in the same parent, or null. */
    public @Nullable Resource sibling() {
        return sibling;
    }

    /** Returns the first one inside, or null. */
    public @Nullable Resource child() {
        return child;
    }

    /** Returns whether another range lies wholly in this one: {@code resource_contains()} of equal types. */
    boolean contains(Resource other) {
        return type() == other.type() && start <= other.start && other.end <= end;
    }

    void setRange(long newStart, long newEnd) {
        start = newStart;
        end = newEnd;
    }

    void setFlags(int newFlags) {
        flags = newFlags;
    }

    /** Returns the kernel address of the structure, 0 when it is not one that was allocated. */
    long object() {
        return object;
    }

    /** Returns it as {@code %pR} prints it: {@code [mem 0xfe000000-0xfe000fff]}, {@code [io  0x03f8-0x03ff]}. */
    @Override
    public String toString() {
        boolean isIo = type() == IO;
        StringBuilder text = new StringBuilder(isIo ? "[io  " : "[mem ");
        String format = isIo ? "0x%04x" : "0x%08x";
        if ((flags & UNSET) != 0) {
            text.append("size ").append(String.format(Locale.ROOT, format, size()));
        } else {
            text.append(String.format(Locale.ROOT, format, start));
            if (start != end) {
                text.append('-').append(String.format(Locale.ROOT, format, end));
            }
        }
        text.append((flags & MEM_64) != 0 ? " 64bit" : "");
        text.append((flags & PREFETCH) != 0 ? " pref" : "");
        text.append((flags & WINDOW) != 0 ? " window" : "");
        text.append((flags & DISABLED) != 0 ? " disabled" : "");
        return text.append(']').toString();
    }
}
