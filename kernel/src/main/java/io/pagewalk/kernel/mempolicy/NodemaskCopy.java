package io.pagewalk.kernel.mempolicy;

import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** Node masks between user memory and the kernel: {@code mm/mempolicy.c:get_nodes(), copy_nodes_to_user()}. */
final class NodemaskCopy {
    private static final int WORD_BITS = 64;
    private static final int PAGE_BYTES = 4096;
    private static final long MOST_BITS = PAGE_BYTES * 8L;
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private long error;

    /** Returns why {@link #read} gave null: a negative errno. */
    long error() {
        return error;
    }

    /**
     * Reads a mask. Words beyond {@link Nodemask#MAX_NUMNODES} must be zero and are read from the end on.
     *
     * @param memory of the caller
     * @param vaddr where it lies, 0 for an empty mask
     * @param maxnode one more than the bits that count
     * @return the mask, null for {@link #error}
     */
    @Nullable
    Nodemask read(UserMemory memory, long vaddr, long maxnode) {
        long bits = maxnode - 1;
        if (bits == 0 || vaddr == 0) {
            return Nodemask.NONE;
        }
        if (Long.compareUnsigned(bits, MOST_BITS) > 0) {
            error = -Errno.EINVAL;
            return null;
        }
        while (bits > Nodemask.MAX_NUMNODES) {
            // Whole words count here, also the bits of the last that the caller did not ask for.
            long[] word = words(memory, vaddr + (bits - 1) / WORD_BITS * 8, WORD_BITS);
            if (word == null) {
                error = -Errno.EFAULT;
                return null;
            }
            if (word[0] != 0) {
                error = -Errno.EINVAL;
                return null;
            }
            bits = Math.max(bits - WORD_BITS, Nodemask.MAX_NUMNODES);
        }
        long[] words = words(memory, vaddr, bits);
        if (words == null) {
            error = -Errno.EFAULT;
            return null;
        }
        return Nodemask.ofWords(words);
    }

    /** {@code get_bitmap()}: whole words, of which the last is cut. */
    private static long @Nullable [] words(UserMemory memory, long vaddr, long bits) {
        int count = (int) ((bits + WORD_BITS - 1) / WORD_BITS);
        byte[] bytes = new byte[count * 8];
        if (memory.copyFromUser(bytes, 0, bytes.length, vaddr) != 0) {
            return null;
        }
        long[] words = new long[count];
        for (int i = 0; i < count; i++) {
            words[i] = (long) WORDS.get(bytes, i * 8);
        }
        if (bits % WORD_BITS != 0) {
            words[count - 1] &= (1L << bits % WORD_BITS) - 1;
        }
        return words;
    }

    /**
     * Writes a mask; what the caller has room for beyond the machine's nodes becomes zero.
     *
     * @param memory of the caller
     * @param vaddr where to
     * @param maxnode one more than the bits of the caller's mask
     * @param nodes what to write
     * @param nodeIds how many nodes the machine can have
     * @return 0, {@code -EINVAL}, {@code -EFAULT}
     */
    static long write(UserMemory memory, long vaddr, long maxnode, Nodemask nodes, int nodeIds) {
        long copy = (maxnode - 1 + WORD_BITS - 1) / WORD_BITS * 8;
        int known = (nodeIds + WORD_BITS - 1) / WORD_BITS * 8;
        byte[] bytes = new byte[known];
        for (int i = 0; i < known / 8; i++) {
            WORDS.set(bytes, i * 8, nodes.word(i));
        }
        if (copy > known) {
            if (copy > PAGE_BYTES) {
                return -Errno.EINVAL;
            }
            byte[] zeros = new byte[(int) copy - known];
            if (memory.copyToUser(vaddr + known, zeros, 0, zeros.length) != 0) {
                return -Errno.EFAULT;
            }
            copy = known;
        }
        return memory.copyToUser(vaddr, bytes, 0, (int) copy) != 0 ? -Errno.EFAULT : 0;
    }
}
