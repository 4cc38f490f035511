package io.pagewalk.hardware.memory;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The RAM of one machine: a little-endian array of bytes in frames of 4096, all zero at power-on.
 *
 * <p>Addresses are byte addresses from zero to {@code frames * 4096}; a word access must be aligned to its size. A frame that was never stored to, or that
 * was cleared, has no host memory behind it and reads as zero.
 */
public final class PhysicalMemory {
    /*
     * Two levels, so that a machine with terabytes starts in no time and an access is two dependent loads:
     *
     *   paddr   [ section            | frame in section (10) | word (9) | byte (3) ]
     *             sections[section] -> long[1024][]  ->  long[512]
     *
     * A null at either level is zeroes. Frames appear at the first store that is not zero and go with clearFrame().
     */
    private static final int SECTION_FRAMES_SHIFT = 10;
    private static final int SECTION_FRAMES = 1 << SECTION_FRAMES_SHIFT;
    private static final int FRAME_WORDS = 512;
    private static final long MAX_FRAMES = 1L << 36;

    /** The size of a frame in bytes. */
    public static final int FRAME_BYTES = 4096;

    /** The number of low address bits inside a frame. */
    public static final int FRAME_SHIFT = 12;

    private final long frames;
    private final long[] @Nullable [] @Nullable [] sections;

    /** Equals the number of frames with host memory behind them. */
    private long residentFrames;

    /**
     * Creates memory that is all zero.
     *
     * @param frames its size in frames of 4096 bytes, at least 1, holes included
     */
    public PhysicalMemory(long frames) {
        if (frames < 1 || frames > MAX_FRAMES) {
            throw new IllegalArgumentException("memory of " + frames + " frames");
        }
        this.frames = frames;
        this.sections = new long[(int) Bits.divideRoundUp(frames, SECTION_FRAMES)][][];
    }

    /** Returns the size in frames: every {@code pfn} below it can be read and written. */
    public long frames() {
        return frames;
    }

    /** Returns how many frames have host memory behind them now. */
    public long residentFrames() {
        return residentFrames;
    }

    /**
     * Returns eight bytes.
     *
     * @param paddr a multiple of 8
     */
    public long readLong(long paddr) {
        long @Nullable [] frame = frameOrNull(paddr >>> FRAME_SHIFT);
        return frame == null ? 0 : frame[(int) (paddr >>> 3) & (FRAME_WORDS - 1)];
    }

    /**
     * Stores eight bytes.
     *
     * @param paddr a multiple of 8
     * @param value what to store
     */
    public void writeLong(long paddr, long value) {
        long pfn = paddr >>> FRAME_SHIFT;
        long @Nullable [] frame = frameOrNull(pfn);
        if (frame == null) {
            if (value == 0) {
                return;
            }
            frame = makeFrame(pfn);
        }
        frame[(int) (paddr >>> 3) & (FRAME_WORDS - 1)] = value;
    }

    /**
     * Returns four bytes.
     *
     * @param paddr a multiple of 4
     */
    public int readInt(long paddr) {
        return (int) (readLong(paddr & ~7L) >>> ((paddr & 4) << 3));
    }

    /**
     * Stores four bytes.
     *
     * @param paddr a multiple of 4
     * @param value what to store
     */
    public void writeInt(long paddr, int value) {
        int shift = (int) (paddr & 4) << 3;
        long word = readLong(paddr & ~7L) & ~(0xffffffffL << shift);
        writeLong(paddr & ~7L, word | ((value & 0xffffffffL) << shift));
    }

    /**
     * Returns one byte.
     *
     * @param paddr any address below the end
     */
    public byte readByte(long paddr) {
        return (byte) (readLong(paddr & ~7L) >>> ((paddr & 7) << 3));
    }

    /**
     * Stores one byte.
     *
     * @param paddr any address below the end
     * @param value what to store
     */
    public void writeByte(long paddr, byte value) {
        int shift = (int) (paddr & 7) << 3;
        long word = readLong(paddr & ~7L) & ~(0xffL << shift);
        writeLong(paddr & ~7L, word | ((value & 0xffL) << shift));
    }

    /**
     * Stores bytes from outside the machine, as a device's DMA does.
     *
     * @param paddr where the first byte goes; the range may cross frames
     * @param source the bytes
     * @param offset the first one to take
     * @param length how many, at least 0
     */
    public void copyIn(long paddr, byte[] source, int offset, int length) {
        for (int i = 0; i < length; i++) {
            writeByte(paddr + i, source[offset + i]);
        }
    }

    /**
     * Returns bytes to the outside of the machine.
     *
     * @param paddr the first byte; the range may cross frames
     * @param target where they go
     * @param offset the first place to fill
     * @param length how many, at least 0
     */
    public void copyOut(long paddr, byte[] target, int offset, int length) {
        for (int i = 0; i < length; i++) {
            target[offset + i] = readByte(paddr + i);
        }
    }

    /**
     * Fills a frame with zeroes and gives its host memory back: Linux's {@code clear_highpage()}.
     *
     * @param pfn the frame
     */
    public void clearFrame(long pfn) {
        checkFrame(pfn);
        long @Nullable [] @Nullable [] section = sections[(int) (pfn >>> SECTION_FRAMES_SHIFT)];
        if (section != null) {
            int index = (int) pfn & (SECTION_FRAMES - 1);
            if (section[index] != null) {
                section[index] = null;
                residentFrames--;
            }
        }
    }

    /**
     * Copies a whole frame over another: Linux's {@code copy_highpage()}.
     *
     * @param from the frame to read
     * @param to the frame to overwrite
     */
    public void copyFrame(long from, long to) {
        long @Nullable [] source = frameOrNull(from);
        if (source == null) {
            clearFrame(to);
            return;
        }
        long @Nullable [] target = frameOrNull(to);
        if (target == null) {
            target = makeFrame(to);
        }
        System.arraycopy(source, 0, target, 0, FRAME_WORDS);
    }

    /**
     * Returns whether all bytes of a frame are zero.
     *
     * @param pfn the frame
     */
    public boolean isZero(long pfn) {
        long @Nullable [] frame = frameOrNull(pfn);
        if (frame == null) {
            return true;
        }
        for (long word : frame) {
            if (word != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Adds the contents to a digest. Frames that read as zero do not count, whether or not they have host memory behind them.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(frames);
        for (int s = 0; s < sections.length; s++) {
            if (sections[s] == null) {
                continue;
            }
            for (int i = 0; i < SECTION_FRAMES; i++) {
                long pfn = ((long) s << SECTION_FRAMES_SHIFT) + i;
                if (pfn < frames && !isZero(pfn)) {
                    digest.add(pfn);
                    digest.add(Arrays.hashCode(frameOrNull(pfn)));
                }
            }
        }
    }

    /**
     * Checks {@code residentFrames == frames with host memory}.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        long counted = 0;
        for (long @Nullable [] @Nullable [] section : sections) {
            if (section == null) {
                continue;
            }
            for (long @Nullable [] frame : section) {
                counted += frame == null ? 0 : 1;
            }
        }
        out.expectEqual("physical memory", "resident frames == frames with contents", residentFrames, counted);
    }

    private long @Nullable [] frameOrNull(long pfn) {
        checkFrame(pfn);
        long @Nullable [] @Nullable [] section = sections[(int) (pfn >>> SECTION_FRAMES_SHIFT)];
        return section == null ? null : section[(int) pfn & (SECTION_FRAMES - 1)];
    }

    private long[] makeFrame(long pfn) {
        int index = (int) (pfn >>> SECTION_FRAMES_SHIFT);
        long @Nullable [] @Nullable [] section = sections[index];
        if (section == null) {
            section = new long[SECTION_FRAMES][];
            sections[index] = section;
        }
        long[] frame = new long[FRAME_WORDS];
        section[(int) pfn & (SECTION_FRAMES - 1)] = frame;
        residentFrames++;
        return frame;
    }

    private void checkFrame(long pfn) {
        if (pfn < 0 || pfn >= frames) {
            throw new KernelBug("frame " + Bits.hex(pfn) + " is outside memory of " + frames + " frames");
        }
    }
}
