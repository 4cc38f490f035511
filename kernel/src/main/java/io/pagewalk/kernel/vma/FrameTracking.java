package io.pagewalk.kernel.vma;

/** Keeps the cache mode of physical memory reserved as long as an area maps it: {@code struct pfnmap_track_ctx}. Copies of the area share it. */
public interface FrameTracking {
    /** One more area uses it: {@code kref_get()}. */
    void get();

    /** One area less; with the last one the reservation ends: {@code kref_put()}. */
    void put();
}
