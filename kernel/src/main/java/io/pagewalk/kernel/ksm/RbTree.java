package io.pagewalk.kernel.ksm;

import org.jspecify.annotations.Nullable;

/**
 * A red-black tree whose user finds the places himself: {@code lib/rbtree.c}. Its shape is part of what KSM does, since the order in the unstable tree can be wrong, and then the way decides what is
 * found.
 *
 * @param <T> what hangs in it
 */
final class RbTree<T> {
    /**
     * A place in the tree.
     *
     * @param <T> what hangs in the tree
     */
    static final class Node<T> {
        final T item;

        @Nullable
        Node<T> left;

        @Nullable
        Node<T> right;

        @Nullable
        Node<T> parent;

        private boolean isRed;

        Node(T item) {
            this.item = item;
        }
    }

    private @Nullable Node<T> root;

    @Nullable
    Node<T> root() {
        return root;
    }

    /** Forgets all nodes: {@code RB_ROOT}. */
    void clear() {
        root = null;
    }

    /** Hangs a node below another, where nothing is yet, and balances: {@code rb_link_node()} and {@code rb_insert_color()}. */
    void insert(Node<T> node, @Nullable Node<T> parent, boolean isLeft) {
        node.left = null;
        node.right = null;
        node.parent = parent;
        node.isRed = true;
        if (parent == null) {
            root = node;
        } else if (isLeft) {
            parent.left = node;
        } else {
            parent.right = node;
        }
        Node<T> at = node;
        while (true) {
            Node<T> above = at.parent;
            if (above == null) {
                at.isRed = false;
                return;
            }
            Node<T> top = above.parent;
            if (!above.isRed || top == null) {
                return;
            }
            boolean isLeftSide = top.left == above;
            Node<T> uncle = isLeftSide ? top.right : top.left;
            if (uncle != null && uncle.isRed) {
                above.isRed = false;
                uncle.isRed = false;
                top.isRed = true;
                at = top;
                continue;
            }
            if (at == (isLeftSide ? above.right : above.left)) {
                rotate(above, isLeftSide);
                above = at;
            }
            above.isRed = false;
            top.isRed = true;
            rotate(top, !isLeftSide);
            return;
        }
    }

    /** Puts a node in the place of another: {@code rb_replace_node()}. */
    void replace(Node<T> old, Node<T> fresh) {
        fresh.left = old.left;
        fresh.right = old.right;
        fresh.isRed = old.isRed;
        if (fresh.left != null) {
            fresh.left.parent = fresh;
        }
        if (fresh.right != null) {
            fresh.right.parent = fresh;
        }
        putInPlace(old, fresh);
    }

    /** Takes a node out and balances: {@code rb_erase()}. */
    void erase(Node<T> node) {
        Node<T> left = node.left;
        Node<T> right = node.right;
        Node<T> child;
        Node<T> parent;
        boolean wasBlack;
        if (left == null || right == null) {
            child = left == null ? right : left;
            parent = node.parent;
            wasBlack = !node.isRed;
            putInPlace(node, child);
        } else {
            Node<T> next = right;
            while (next.left != null) {
                next = next.left;
            }
            wasBlack = !next.isRed;
            child = next.right;
            if (next == right) {
                parent = next;
            } else {
                parent = next.parent;
                putInPlace(next, child);
                next.right = right;
                right.parent = next;
            }
            putInPlace(node, next);
            next.left = left;
            left.parent = next;
            next.isRed = node.isRed;
        }
        if (wasBlack) {
            balanceErased(child, parent);
        }
    }

    private static boolean isBlack(@Nullable Node<?> node) {
        return node == null || !node.isRed;
    }

    /** One black node too few hangs below a place: {@code ____rb_erase_color()}. */
    private void balanceErased(@Nullable Node<T> start, @Nullable Node<T> startParent) {
        Node<T> at = start;
        Node<T> parent = startParent;
        while (parent != null && isBlack(at)) {
            boolean isLeft = parent.left == at;
            Node<T> sibling = isLeft ? parent.right : parent.left;
            if (sibling != null && sibling.isRed) {
                sibling.isRed = false;
                parent.isRed = true;
                rotate(parent, isLeft);
                sibling = isLeft ? parent.right : parent.left;
            }
            if (sibling == null) {
                at = parent;
                parent = at.parent;
                continue;
            }
            Node<T> near = isLeft ? sibling.left : sibling.right;
            Node<T> far = isLeft ? sibling.right : sibling.left;
            if (isBlack(near) && isBlack(far)) {
                sibling.isRed = true;
                at = parent;
                parent = at.parent;
                continue;
            }
            if (far == null || !far.isRed) {
                if (near != null) {
                    near.isRed = false;
                }
                sibling.isRed = true;
                rotate(sibling, !isLeft);
                far = sibling;
                sibling = isLeft ? parent.right : parent.left;
            }
            if (sibling != null) {
                sibling.isRed = parent.isRed;
            }
            parent.isRed = false;
            far.isRed = false;
            rotate(parent, isLeft);
            return;
        }
        if (at != null) {
            at.isRed = false;
        }
    }

    /** Rotates a node down to the left or to the right. */
    private void rotate(Node<T> node, boolean toLeft) {
        Node<T> up = toLeft ? node.right : node.left;
        if (up == null) {
            return;
        }
        putInPlace(node, up);
        if (toLeft) {
            node.right = up.left;
            up.left = node;
        } else {
            node.left = up.right;
            up.right = node;
        }
        Node<T> moved = toLeft ? node.right : node.left;
        if (moved != null) {
            moved.parent = node;
        }
        node.parent = up;
    }

    private void putInPlace(Node<T> old, @Nullable Node<T> fresh) {
        Node<T> parent = old.parent;
        if (parent == null) {
            root = fresh;
        } else if (parent.left == old) {
            parent.left = fresh;
        } else {
            parent.right = fresh;
        }
        if (fresh != null) {
            fresh.parent = parent;
        }
    }
}
