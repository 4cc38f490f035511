package io.pagewalk.kernel.slub;

/** What the checks of a cache print to the kernel log, and the user tracking that they print: {@code mm/slub.c:print_trailer()} and its neighbours. */
final class SlabReport {
    /** Which of the two tracks of an object. */
    static final int ALLOCATED = 0;

    static final int FREED = 1;

    private static final long VMEMMAP = 0xffff_ea00_0000_0000L;
    private static final int STRUCT_PAGE_BYTES = 64;
    private static final String DOUBLE_LINE = "=".repeat(77);
    private static final String LINE = "-".repeat(77);

    private final SlabCore core;
    private final KmemCache cache;

    SlabReport(SlabCore core, KmemCache cache) {
        this.core = core;
        this.cache = cache;
    }

    private boolean has(int flag) {
        return (cache.flags() & flag) != 0;
    }

    /** {@code __slab_bug()}. */
    void headline(String reason) {
        core.log(DOUBLE_LINE);
        core.log("BUG " + cache.name() + " (" + core.tainted() + "): " + reason);
        core.log(LINE);
        core.log("");
    }

    /** {@code object_err()}. */
    void objectError(Slab slab, long object, String reason) {
        headline(reason);
        if (cache.indexIn(slab, object) < 0) {
            slabInfo(slab);
            core.log("Invalid pointer " + SlabCore.pointer(object));
        } else {
            trailer(slab, object);
        }
        core.taint();
        core.warn("mm/slub.c object_err");
    }

    /** {@code __slab_err()}. */
    void slabTrailer(Slab slab) {
        slabInfo(slab);
        core.taint();
        core.warn("mm/slub.c __slab_err");
    }

    private void slabInfo(Slab slab) {
        boolean isPartial = slab.place == Slab.Place.NODE_PARTIAL;
        int bits = (isPartial ? 1 << 9 : 0) | (slab.order > 0 ? 1 << 6 : 0);
        String names = (isPartial ? "workingset|" : "") + (slab.order > 0 ? "head|" : "");
        core.log("Slab " + SlabCore.pointer(VMEMMAP + slab.pfn * STRUCT_PAGE_BYTES) + " objects=" + slab.objects
                + " used=" + slab.inuse + " fp=" + SlabCore.pointer(slab.freelist) + " flags=0x"
                + Integer.toHexString(bits) + "(" + names + "node=" + slab.node + "|zone="
                + core.pages.zoneOf(slab.pfn).index() + ")");
    }

    /** {@code print_trailer()}. */
    private void trailer(Slab slab, long object) {
        SlabGeometry g = cache.geometry();
        tracking(object);
        slabInfo(slab);
        core.log("Object " + SlabCore.pointer(object) + " @offset=" + (object - slab.base) + " fp="
                + SlabCore.pointer(cache.next(object)));
        core.log("");
        if (has(SlabFlags.RED_ZONE)) {
            section("Redzone  ", object - g.redLeftPad(), g.redLeftPad());
        } else if (object > slab.base + 16) {
            section("Bytes b4 ", object - 16, 16);
        }
        section("Object   ", object, Math.min(g.objectSize(), 4096));
        if (has(SlabFlags.RED_ZONE)) {
            section("Redzone  ", object + g.objectSize(), g.inuse() - g.objectSize());
        }
        long info = infoBytes();
        if (info != g.sizeFromObject()) {
            section("Padding  ", object + info, g.sizeFromObject() - info);
        }
    }

    /** Returns the bytes from an object to its padding. */
    long infoBytes() {
        long bytes = cache.geometry().infoEnd(core.wordBytes);
        if (has(SlabFlags.STORE_USER)) {
            bytes += 2L * core.parameters.trackBytes();
            if (has(SlabFlags.KMALLOC) && core.parameters.keepsRequestSize()) {
                bytes += core.wordBytes;
            }
        }
        return bytes;
    }

    /** {@code print_hex_dump()} with 16 bytes a row. */
    void section(String title, long start, long bytes) {
        for (long row = 0; row < bytes; row += 16) {
            StringBuilder hex = new StringBuilder();
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 16; i++) {
                if (row + i >= bytes) {
                    hex.append("   ");
                    continue;
                }
                int value = core.readByte(start + row + i);
                hex.append(Character.forDigit(value >> 4, 16))
                        .append(Character.forDigit(value & 15, 16))
                        .append(' ');
                text.append(value >= 0x20 && value < 0x7f ? (char) value : '.');
            }
            core.log(title + SlabCore.pointer(start + row).substring(2) + ": " + hex + " " + text);
        }
    }

    /** {@code print_tracking()}. */
    void tracking(long object) {
        if (has(SlabFlags.STORE_USER)) {
            track("Allocated", track(object, ALLOCATED));
            track("Freed", track(object, FREED));
        }
    }

    private void track(String what, long at) {
        int word = core.wordBytes;
        long address = core.readWord(at);
        if (address == 0) {
            return;
        }
        long age = core.environment().jiffies() - core.readWord(at + SlabGeometry.roundUp(word + 12, word));
        core.log(what + " in " + core.symbol(address) + " age=" + age + " cpu=" + core.readInt(at + word + 4) + " pid="
                + core.readInt(at + word + 8));
        core.log(" " + core.symbol(address));
    }

    /** Returns where a track of an object lies: {@code get_track()}. */
    long track(long object, int which) {
        return object + cache.geometry().infoEnd(core.wordBytes) + (long) which * core.parameters.trackBytes();
    }

    /** {@code set_track_update()}: address, handle of the stack, CPU, task, time. */
    void setTrack(long object, int which) {
        long at = track(object, which);
        int word = core.wordBytes;
        core.writeWord(at, core.callerAddress());
        core.writeInt(at + word, 1);
        core.writeInt(at + word + 4, core.pages.currentCpu());
        core.writeInt(at + word + 8, core.environment().pid());
        core.writeWord(
                at + SlabGeometry.roundUp(word + 12, word), core.environment().jiffies());
    }

    /** {@code trace()}. */
    void trace(Slab slab, long object, boolean isAllocation) {
        if (!has(SlabFlags.TRACE)) {
            return;
        }
        core.log("TRACE " + cache.name() + (isAllocation ? " alloc " : " free ") + SlabCore.pointer(object) + " inuse="
                + slab.inuse + " fp=" + SlabCore.pointer(slab.freelist));
        if (!isAllocation) {
            section("Object ", object, cache.objectSize());
        }
    }
}
