package io.pagewalk.kernel.drivers;

/** One display card as its driver knows it: {@code struct fb_info}. Files that are still open when the driver goes find it unplugged. */
final class DisplayCard {
    private final long videoStart;
    private final long videoBytes;
    private final long registerStart;
    private final long registerBytes;
    private final long screen;
    private boolean isUnplugged;

    /**
     * Creates a card in use.
     *
     * @param videoStart physical address of video RAM ({@code smem_start})
     * @param videoBytes its length
     * @param registerStart physical address of the registers ({@code mmio_start})
     * @param registerBytes their length
     * @param screen kernel address of video RAM ({@code screen_base})
     */
    DisplayCard(long videoStart, long videoBytes, long registerStart, long registerBytes, long screen) {
        this.videoStart = videoStart;
        this.videoBytes = videoBytes;
        this.registerStart = registerStart;
        this.registerBytes = registerBytes;
        this.screen = screen;
    }

    long videoStart() {
        return videoStart;
    }

    long videoBytes() {
        return videoBytes;
    }

    long registerStart() {
        return registerStart;
    }

    long registerBytes() {
        return registerBytes;
    }

    long screen() {
        return screen;
    }

    boolean isUnplugged() {
        return isUnplugged;
    }

    void unplug() {
        isUnplugged = true;
    }
}
