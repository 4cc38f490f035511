package io.pagewalk.kernel.numa;

import io.pagewalk.kernel.syscall.Errno;
import java.util.Arrays;

/**
 * How many pages in a row each node gets: the files below {@code /sys/kernel/mm/mempolicy/weighted_interleave}.
 *
 * <p>Differs from Linux: {@code auto} makes all weights 1, as Linux does when the firmware tells no bandwidths (HMAT, CDAT).
 */
public final class InterleaveWeights {
    private static final int MOST = 255;

    private final int[] weights;
    private boolean isAuto = true;

    InterleaveWeights(int nodes) {
        weights = new int[nodes];
        Arrays.fill(weights, 1);
    }

    /**
     * Returns a node's weight: what its file reads.
     *
     * @param node a node
     */
    public int weight(int node) {
        return weights[node];
    }

    /** Returns whether the kernel chooses the weights: reads {@code auto}. */
    public boolean isAuto() {
        return isAuto;
    }

    /**
     * Sets a node's weight and ends the automatic choice: what its file takes.
     *
     * @param node a node
     * @param weight 1 to 255
     * @return 0 or {@code -EINVAL}
     */
    public long setWeight(int node, int weight) {
        if (node < 0 || node >= weights.length || weight < 1 || weight > MOST) {
            return -Errno.EINVAL;
        }
        weights[node] = weight;
        isAuto = false;
        return 0;
    }

    /**
     * Lets the kernel choose, or keeps the weights as they are: writes {@code auto}.
     *
     * @param value whether the kernel chooses
     */
    public void setAuto(boolean value) {
        isAuto = value;
        if (value) {
            Arrays.fill(weights, 1);
        }
    }
}
