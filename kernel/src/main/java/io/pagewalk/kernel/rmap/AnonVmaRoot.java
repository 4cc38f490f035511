package io.pagewalk.kernel.rmap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One {@code struct anon_vma}: the identity of anonymous memory that areas share after a split or a fork. */
final class AnonVmaRoot implements AnonVma {
    private final int id;
    private final AnonVmaRoot root;
    private final @Nullable AnonVmaRoot parent;

    /** Areas whose {@code anon_vma} is this one. */
    int activeVmas;

    /** Anon_vmas whose parent is this one; a root is its own child. */
    int children;

    /** Areas whose chain holds this one, in the order they were linked: {@code anon_vma->rb_root}, which Linux orders by page offset. */
    final List<Vma> areas = new ArrayList<>(1);

    /** Address of its {@code struct anon_vma}. */
    long kernelObject;

    AnonVmaRoot(int id, @Nullable AnonVmaRoot parent) {
        this.id = id;
        this.parent = parent;
        this.root = parent == null ? this : parent.root;
        if (parent == null) {
            children = 1;
        } else {
            parent.children++;
        }
    }

    @Override
    public long id() {
        return id;
    }

    /** Takes an area out; returns whether it was the last. Areas linked last usually go first. */
    boolean removeArea(Vma vma) {
        for (int i = areas.size() - 1; i >= 0; i--) {
            if (areas.get(i) == vma) {
                areas.remove(i);
                return areas.isEmpty();
            }
        }
        throw new KernelBug("an area is not linked to its anon_vma");
    }

    boolean isRoot() {
        return root == this;
    }

    /** Drops the reference to the parent when nothing is linked any more. */
    void released() {
        if (parent != null) {
            parent.children--;
        }
    }
}
