package io.pagewalk.kernel.numa;

import io.pagewalk.base.Digest;
import org.jspecify.annotations.Nullable;

/** The policy of a task and where its interleaving stands: {@code mempolicy}, {@code il_prev} and {@code il_weight} of {@code struct task_struct}. */
public final class TaskPolicy {
    private @Nullable Mempolicy policy;
    private int previousNode;
    private int weightLeft;

    /** Creates the default policy. */
    public TaskPolicy() {}

    /**
     * Copies what a child inherits: {@code kernel/fork.c:copy_process()}.
     *
     * @param parent the calling task's
     */
    public TaskPolicy(TaskPolicy parent) {
        policy = parent.policy;
        previousNode = parent.previousNode;
        weightLeft = parent.weightLeft;
    }

    /** Returns the policy, null for the default. */
    public @Nullable Mempolicy policy() {
        return policy;
    }

    /** Sets the policy; interleaving begins again: {@code do_set_mempolicy()}. Use {@link PolicyAllocator#setTaskPolicy}, which tells the page allocator. */
    void set(@Nullable Mempolicy value) {
        policy = value;
        if (value != null && value.mode().isInterleaved()) {
            previousNode = Nodemask.MAX_NUMNODES - 1;
            weightLeft = 0;
        }
    }

    /**
     * Returns the node that the next interleaved page would come from, as {@code get_mempolicy(MPOL_F_NODE)} tells it.
     *
     * @param interleaved this task's policy
     */
    public int nextNode(Mempolicy interleaved) {
        return interleaved.mode() == PolicyMode.WEIGHTED_INTERLEAVE && weightLeft > 0
                ? previousNode
                : interleaved.nodes().nextIn(previousNode);
    }

    /** {@code interleave_nodes()}. */
    int interleave(Mempolicy interleaved) {
        previousNode = interleaved.nodes().nextIn(previousNode);
        return previousNode;
    }

    /** {@code weighted_interleave_nodes()}. */
    int interleave(Mempolicy interleaved, InterleaveWeights weights) {
        if (weightLeft == 0 || !interleaved.nodes().has(previousNode)) {
            previousNode = interleaved.nodes().nextIn(previousNode);
            weightLeft = weights.weight(previousNode);
        }
        weightLeft--;
        return previousNode;
    }

    /**
     * Adds it to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        if (policy != null) {
            policy.addToDigest(digest);
            digest.add(previousNode);
            digest.add(weightLeft);
        }
    }
}
