package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.vma.AnonVma;
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

    /** Areas whose chain holds this one. */
    int links;

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
