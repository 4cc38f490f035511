package io.pagewalk.kernel.rmap;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.slub.ObjectSource;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.AnonVmaOps;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.Vma;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which area has which {@code anon_vma}: preparation at the first write, sharing between neighbours, splits and forks ({@code mm/rmap.c}).
 *
 * <p>The identities decide which areas may merge, so they are kept exactly. Differs from Linux: a list instead of an interval tree leads from an anon_vma to its areas.
 */
public final class AnonVmas implements AnonVmaOps {
    private int nextId = 1;
    private long live;
    /** Looked up only, never walked. */
    private final Map<Integer, AnonVmaRoot> byId = new HashMap<>();

    private final ObjectSource objects;
    private final ObjectSource chainObjects;

    /** Creates the reverse map of a machine without processes, whose objects cost no kernel memory. */
    public AnonVmas() {
        this(ObjectSource.FREE, ObjectSource.FREE);
    }

    /**
     * Creates the reverse map of a machine without processes. Differs from Linux: a fault or fork does not fail when there is no memory for these objects.
     *
     * @param objects memory of {@code struct anon_vma}
     * @param chainObjects memory of {@code struct anon_vma_chain}
     */
    public AnonVmas(ObjectSource objects, ObjectSource chainObjects) {
        this.objects = objects;
        this.chainObjects = chainObjects;
    }

    /**
     * Gives an area an anon_vma before its first anonymous page: {@code mm/rmap.c:__anon_vma_prepare()}. A neighbour's is reused when the two areas
     * could merge but for their protection ({@code mm/vma.c:find_mergeable_anon_vma()}).
     *
     * @param vma an area in a tree
     */
    @Override
    public void prepare(Vma vma) {
        if (vma.anonVma() != null) {
            return;
        }
        AnonVmaRoot chosen = (AnonVmaRoot) MmLifecycle.findMergeableAnonVma(vma);
        if (chosen == null) {
            chosen = make(null);
        }
        vma.setAnonVma(chosen);
        chosen.activeVmas++;
        link(vma, chosen);
    }

    /**
     * Returns the anon_vma of an area, given to it now when it has none: {@code anon_vma_prepare()}.
     *
     * @param vma an area in a tree
     */
    public AnonVma prepared(Vma vma) {
        AnonVma anonVma = vma.anonVma();
        if (anonVma == null) {
            prepare(vma);
            anonVma = vma.anonVma();
        }
        if (anonVma == null) {
            throw new KernelBug("an area has no anon_vma after preparation");
        }
        return anonVma;
    }

    /**
     * Sets up the anon_vma of an area that fork copied: {@code mm/rmap.c:anon_vma_fork()}.
     *
     * @param child the copy, without a chain
     * @param parent the area it was copied from
     */
    public void fork(Vma child, Vma parent) {
        AnonVma parentAnonVma = parent.anonVma();
        if (parentAnonVma == null) {
            return;
        }
        child.setAnonVma(null);
        for (AnonVma each : parent.anonVmaChain()) {
            AnonVmaRoot anonVma = (AnonVmaRoot) each;
            link(child, anonVma);
            if (child.anonVma() == null && !anonVma.isRoot() && anonVma.children < 2 && anonVma.activeVmas == 0) {
                child.setAnonVma(anonVma);
            }
        }
        AnonVma reused = child.anonVma();
        if (reused != null) {
            ((AnonVmaRoot) reused).activeVmas++;
            return;
        }
        AnonVmaRoot own = make((AnonVmaRoot) parentAnonVma);
        child.setAnonVma(own);
        own.activeVmas++;
        link(child, own);
    }

    @Override
    public void cloneChain(Vma target, Vma source) {
        for (AnonVma each : source.anonVmaChain()) {
            link(target, (AnonVmaRoot) each);
        }
        AnonVma anonVma = source.anonVma();
        if (anonVma != null) {
            ((AnonVmaRoot) anonVma).activeVmas++;
        }
    }

    @Override
    public void unlink(Vma vma) {
        AnonVma own = vma.anonVma();
        if (own != null) {
            ((AnonVmaRoot) own).activeVmas--;
            vma.setAnonVma(null);
        }
        int count = vma.anonVmaChain().size();
        long[] chain = vma.chainObjects(count);
        for (int i = 0; i < count; i++) {
            chainObjects.give(chain[i]);
            chain[i] = 0;
            AnonVmaRoot anonVma = (AnonVmaRoot) vma.anonVmaChain().get(i);
            if (anonVma.removeArea(vma)) {
                anonVma.released();
                byId.remove((int) anonVma.id());
                objects.give(anonVma.kernelObject);
                live--;
            }
        }
        vma.anonVmaChain().clear();
    }

    /**
     * Adds the counters that later identities depend on.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        digest.add(nextId);
        digest.add(live);
    }

    /**
     * Returns the areas that may map pages of an anon_vma, in the order they were linked: what {@code mm/rmap.c:rmap_walk_anon()} visits. A page is mapped by
     * those that hold its page offset and whose entry there points to it.
     *
     * @param id number of an anon_vma, as the pages carry it
     * @return a view; empty when the anon_vma is gone
     */
    public List<Vma> areasOf(int id) {
        AnonVmaRoot anonVma = byId.get(id);
        return anonVma == null ? List.of() : Collections.unmodifiableList(anonVma.areas);
    }

    /** Returns how many anon_vmas exist. */
    public long live() {
        return live;
    }

    private AnonVmaRoot make(@Nullable AnonVmaRoot parent) {
        AnonVmaRoot made = new AnonVmaRoot(nextId++, parent);
        byId.put((int) made.id(), made);
        made.kernelObject = objects.take();
        live++;
        return made;
    }

    private void link(Vma vma, AnonVmaRoot anonVma) {
        int count = vma.anonVmaChain().size();
        vma.chainObjects(count + 1)[count] = chainObjects.take();
        vma.anonVmaChain().add(anonVma);
        anonVma.areas.add(vma);
    }
}
