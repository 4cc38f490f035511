package io.pagewalk.kernel.slub;

import org.jspecify.annotations.Nullable;

/**
 * The checks of {@code slab_debug} for one cache: red zones, poison, user tracking, free lists.
 *
 * <pre>
 *   0x5a  unused bytes of a slab      0xbb  red zone of a free object
 *   0x6b  free object, ending in 0xa5 0xcc  red zone of an object in use
 * </pre>
 */
final class SlabDebug {
    static final int POISON_INUSE = 0x5a;
    static final int POISON_FREE = 0x6b;
    static final int POISON_END = 0xa5;
    static final int RED_INACTIVE = 0xbb;
    static final int RED_ACTIVE = 0xcc;

    private final SlabCore core;
    private final KmemCache cache;
    private final SlabReport report;

    SlabDebug(SlabCore core, KmemCache cache) {
        this.core = core;
        this.cache = cache;
        this.report = new SlabReport(core, cache);
    }

    private boolean has(int flag) {
        return (cache.flags() & flag) != 0;
    }

    boolean keepsRequestSize() {
        return cache.isDebug && SlabGeometry.keepsRequestSize(cache.flags(), core.parameters);
    }

    /** {@code setup_slab_debug()}. */
    void setupSlab(Slab slab) {
        if (has(SlabFlags.POISON)) {
            core.fill(slab.base, POISON_INUSE, 4096L << slab.order);
        }
    }

    /** {@code setup_object_debug()}. */
    void setupObject(long object) {
        if (has(SlabFlags.STORE_USER | SlabFlags.RED_ZONE | SlabFlags.OBJECT_POISON)) {
            initObject(object, RED_INACTIVE);
            if (has(SlabFlags.STORE_USER)) {
                core.fill(report.track(object, SlabReport.ALLOCATED), 0, 2L * core.parameters.trackBytes());
            }
        }
    }

    /** {@code init_object()}. */
    private void initObject(long object, int value) {
        SlabGeometry g = cache.geometry();
        long poisonSize = g.objectSize();
        if (has(SlabFlags.RED_ZONE)) {
            core.fill(object - g.redLeftPad(), value, g.redLeftPad());
            if (keepsRequestSize() && value == RED_ACTIVE) {
                poisonSize = requestSize(object);
            }
        }
        if (has(SlabFlags.OBJECT_POISON)) {
            core.fill(object, POISON_FREE, poisonSize - 1);
            core.writeByte(object + poisonSize - 1, POISON_END);
        }
        if (has(SlabFlags.RED_ZONE)) {
            core.fill(object + poisonSize, value, g.inuse() - poisonSize);
        }
    }

    /** {@code alloc_debug_processing()}: false when the slab is damaged and was taken out of use. */
    boolean beforeAllocation(Slab slab, long object, long requested) {
        boolean isSound = cache.indexIn(slab, object) >= 0 && !slab.isAllocated(cache.indexIn(slab, object));
        if (has(SlabFlags.CONSISTENCY_CHECKS)) {
            isSound = checkSlab(slab) && checkForAllocation(slab, object);
        }
        if (!isSound) {
            fix("Marking all objects used");
            slab.inuse = slab.objects;
            slab.freelist = KmemCache.NULL;
            slab.isDisabled = true;
            return false;
        }
        report.trace(slab, object, true);
        if (keepsRequestSize()) {
            core.writeWord(requestSizeAt(object), requested);
        }
        return true;
    }

    /** The part behind the reading of the free pointer: red zones become active, the user is noted. */
    void afterAllocation(Slab slab, long object, long requested) {
        initObject(object, RED_ACTIVE);
        if (has(SlabFlags.STORE_USER)) {
            report.setTrack(object, SlabReport.ALLOCATED);
        }
    }

    /** {@code alloc_consistency_checks()}. */
    private boolean checkForAllocation(Slab slab, long object) {
        if (cache.indexIn(slab, object) < 0) {
            objectError(slab, object, "Freelist Pointer check fails");
            return false;
        }
        return checkObject(slab, object, RED_INACTIVE);
    }

    /** Frees an object of a debugged cache: {@code free_to_partial_list()}. */
    void free(Slab slab, long object) {
        if (!checkForFree(slab, object)) {
            fix("Object at " + SlabCore.pointer(object) + " not freed");
            return;
        }
        if (has(SlabFlags.STORE_USER)) {
            report.setTrack(object, SlabReport.FREED);
        }
        report.trace(slab, object, false);
        initObject(object, RED_INACTIVE);
        slab.clearAllocated(cache.indexIn(slab, object));
        cache.paths.freeChecked(slab, object);
    }

    /** {@code free_consistency_checks()}. What a damaged list would not survive is checked without {@code slab_debug=F} too. */
    private boolean checkForFree(Slab slab, long object) {
        boolean isChecking = has(SlabFlags.CONSISTENCY_CHECKS);
        if (isChecking && !checkSlab(slab)) {
            return false;
        }
        int index = cache.indexIn(slab, object);
        if (index < 0) {
            slabError(slab, "Invalid object pointer " + SlabCore.pointer(object));
            return false;
        }
        if (!slab.isAllocated(index)) {
            objectError(slab, object, "Object already free");
            return false;
        }
        if (slab.isDisabled) {
            return false;
        }
        return !isChecking || checkObject(slab, object, RED_ACTIVE);
    }

    /** {@code check_object()}: false when bytes were not as they should be; they are then. */
    private boolean checkObject(Slab slab, long object, int value) {
        SlabGeometry g = cache.geometry();
        boolean isSound = true;
        long end = object + g.objectSize();
        if (has(SlabFlags.RED_ZONE)) {
            isSound &=
                    checkBytes(slab, object, "Left Redzone", object - g.redLeftPad(), value, g.redLeftPad(), isSound);
            isSound &= checkBytes(slab, object, "Right Redzone", end, value, g.inuse() - g.objectSize(), isSound);
            if (keepsRequestSize() && value == RED_ACTIVE) {
                long requested = requestSize(object);
                isSound &= checkBytes(
                        slab,
                        object,
                        "kmalloc Redzone",
                        object + requested,
                        value,
                        g.objectSize() - requested,
                        isSound);
            }
        } else if (has(SlabFlags.POISON)) {
            isSound &= checkBytes(
                    slab, object, "Alignment padding", end, POISON_INUSE, g.inuse() - g.objectSize(), isSound);
        }
        if (has(SlabFlags.POISON)) {
            if (value != RED_ACTIVE && has(SlabFlags.OBJECT_POISON)) {
                isSound &= checkBytes(slab, object, "Poison", object, POISON_FREE, g.objectSize() - 1L, isSound);
                isSound &= checkBytes(slab, object, "End Poison", end - 1, POISON_END, 1, isSound);
            }
            long info = report.infoBytes();
            checkBytes(slab, object, "Object padding", object + info, POISON_INUSE, g.sizeFromObject() - info, true);
        }
        if (g.isFreePointerOutside() || value != RED_ACTIVE) {
            long next = cache.next(object);
            if (next != KmemCache.NULL && cache.indexIn(slab, next) < 0) {
                objectError(slab, object, "Freepointer corrupt");
                cache.setNext(object, KmemCache.NULL);
                isSound = false;
            }
        }
        return isSound;
    }

    /** {@code check_bytes_and_report()}. */
    private boolean checkBytes(
            Slab slab, long object, String what, long start, int value, long bytes, boolean isReporting) {
        long fault = start;
        long end = start + bytes;
        while (fault < end && core.readByte(fault) == value) {
            fault++;
        }
        if (fault >= end) {
            return true;
        }
        while (end > fault && core.readByte(end - 1) == value) {
            end--;
        }
        core.log("[" + what + " overwritten] " + SlabCore.pointer(fault) + "-" + SlabCore.pointer(end - 1) + " @offset="
                + (fault - slab.base) + ". First byte 0x" + Integer.toHexString(core.readByte(fault)) + " instead of 0x"
                + Integer.toHexString(value));
        if (isReporting) {
            objectError(slab, object, "Object corrupt");
        }
        restore(what, value, fault, end);
        return false;
    }

    /** {@code check_slab()} and {@code slab_pad_check()}. */
    private boolean checkSlab(Slab slab) {
        if (slab.inuse > slab.objects) {
            slabError(slab, "inuse " + slab.inuse + " > max " + slab.objects);
            return false;
        }
        if (slab.isDisabled) {
            slabError(slab, "Slab disabled since SLUB metadata consistency check failed");
            return false;
        }
        if (has(SlabFlags.POISON)) {
            checkSlabPadding(slab);
        }
        return true;
    }

    private void checkSlabPadding(Slab slab) {
        long slabEnd = slab.base + (4096L << slab.order);
        long start = slabEnd - (4096L << slab.order) % cache.size;
        long fault = start;
        while (fault < slabEnd && core.readByte(fault) == POISON_INUSE) {
            fault++;
        }
        if (fault == slabEnd) {
            return;
        }
        long end = slabEnd;
        while (end > fault && core.readByte(end - 1) == POISON_INUSE) {
            end--;
        }
        report.headline("Padding overwritten. " + SlabCore.pointer(fault) + "-" + SlabCore.pointer(end - 1)
                + " @offset=" + (fault - slab.base));
        report.section("Padding  ", start, slabEnd - start);
        report.slabTrailer(slab);
        restore("slab padding", POISON_INUSE, fault, end);
    }

    private void restore(String what, int value, long from, long to) {
        fix("Restoring " + what + " " + SlabCore.pointer(from) + "-" + SlabCore.pointer(to - 1) + "=0x"
                + Integer.toHexString(value));
        core.fill(from, value, to - from);
    }

    /** Reports a free pointer that leads nowhere and cuts the rest of a CPU's list off: {@code freelist_corrupted()}. */
    void isolate(Slab slab, long object) {
        objectError(slab, object, "Freechain corrupt");
        fix("Isolate corrupted freechain");
        slab.isDisabled = true;
    }

    /** Checks a whole slab: {@code validate_slab()}. Returns how many objects are damaged. */
    int validate(Slab slab) {
        if (!checkSlab(slab) || slab.isDisabled) {
            return 0;
        }
        int bad = 0;
        for (int i = 0; i < slab.objects; i++) {
            if (!checkObject(slab, cache.objectAt(slab, i), slab.isAllocated(i) ? RED_ACTIVE : RED_INACTIVE)) {
                bad++;
            }
        }
        return bad;
    }

    /** Looks over the objects of a slab that is given back: {@code __free_slab()}. */
    void beforeDiscard(Slab slab) {
        if (has(SlabFlags.CONSISTENCY_CHECKS) && !slab.isDisabled) {
            checkSlab(slab);
            for (int i = 0; i < slab.objects; i++) {
                checkObject(slab, cache.objectAt(slab, i), RED_INACTIVE);
            }
        }
    }

    /** Lists what is still in use when a cache is destroyed: {@code list_slab_objects()}. */
    void listObjects(Slab slab) {
        report.headline("Objects remaining on __kmem_cache_shutdown()");
        for (int i = 0; i < slab.objects; i++) {
            if (slab.isAllocated(i)) {
                long object = cache.objectAt(slab, i);
                core.log("Object " + SlabCore.pointer(object) + " @offset=" + (object - slab.base));
                report.tracking(object);
            }
        }
        report.slabTrailer(slab);
    }

    void objectError(Slab slab, long object, String reason) {
        report.objectError(slab, object, reason);
    }

    void slabError(@Nullable Slab slab, String reason) {
        report.headline(reason);
        if (slab != null) {
            report.slabTrailer(slab);
        }
    }

    void fix(String what) {
        core.log("FIX " + cache.name() + ": " + what);
    }

    void printTracking(Slab slab, long object) {
        if (cache.indexIn(slab, object) >= 0) {
            report.tracking(object);
        }
    }

    /** {@code skip_orig_size_check()}: whoever asks for the usable size may use all of it. */
    void useWholeObject(long object) {
        if (keepsRequestSize()) {
            core.writeWord(requestSizeAt(object), cache.objectSize());
        }
    }

    private long requestSize(long object) {
        long requested = core.readWord(requestSizeAt(object));
        return requested < 1 || requested > cache.objectSize() ? cache.objectSize() : requested;
    }

    private long requestSizeAt(long object) {
        return report.track(object, SlabReport.ALLOCATED) + 2L * core.parameters.trackBytes();
    }
}
