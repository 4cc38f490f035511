package io.pagewalk.kernel.oom;

import io.pagewalk.kernel.vma.Mm;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** A process as the OOM killer sees it: its first thread that still has an address space. */
public interface OomTask {
    /** Returns the thread number. */
    int tid();

    /** Returns the process number. */
    int tgid();

    /** Returns the user number. */
    int uid();

    /** Returns the command name, at most 15 characters. */
    String comm();

    /** Returns the address space, or null when it is gone. */
    @Nullable
    Mm mmOrNull();

    /** Returns {@code /proc/PID/oom_score_adj}, -1000 to 1000. */
    int oomScoreAdj();

    /**
     * Returns whether killing it would free memory of some nodes, as far as its memory policy tells: {@code mempolicy_in_oom_domain()}.
     *
     * @param nodes the nodes that the request is bound to
     */
    boolean usesNodes(IntPredicate nodes);

    /** Returns whether it is init, which is never killed. */
    boolean isInit();

    /** Returns whether it was killed and has not yet gone. */
    boolean isKilled();
}
