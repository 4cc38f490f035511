package io.pagewalk.kernel.buddy;

/** Serves requests that name no node while the running task has a memory policy: the upward call from {@code alloc_pages()} into {@code mm/mempolicy.c}. */
@FunctionalInterface
public interface TaskPages {
    /**
     * Allocates frames where the task's policy wants them: {@code mm/mempolicy.c:alloc_pages_noprof()}.
     *
     * @param gfp flags of {@link io.pagewalk.kernel.page.Gfp}
     * @param order 0 to 10
     * @return first frame, or {@link PageAllocator#NO_PAGE}
     */
    long allocate(int gfp, int order);
}
