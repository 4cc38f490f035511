package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import org.jspecify.annotations.Nullable;

/**
 * The free part of the vmalloc space: {@code free_vmap_area_root}, a balanced tree by address in which each node knows the largest free range below it.
 *
 * <pre>
 *   node.largest == max(node.end - node.start, left.largest, right.largest)
 *   in-order: a.end &lt; b.start (neighbours that touch are merged)
 * </pre>
 *
 * <p>Differs from Linux: a treap whose priorities come from the node's start instead of a red-black tree, and with an alignment above a page the lowest range that fits is found always;
 * Linux looks only at ranges that are larger by the alignment, except those on its way.
 */
final class FreeAreas {
    private static final class Node {
        private long start;
        private long end;
        private long largest;
        private final long priority;
        private @Nullable Node left;
        private @Nullable Node right;

        private Node(long start, long end) {
            this.start = start;
            this.end = end;
            this.largest = end - start;
            this.priority = mix(start);
        }
    }

    /** What {@link #allocate} returns when nothing fits; no area begins at address 0. */
    static final long NOTHING = 0;

    private @Nullable Node root;
    private long freeBytes;
    private int count;

    FreeAreas() {}

    /** A fixed scrambling of the bits (splitmix64), so that the tree's shape is the same in every run. */
    private static long mix(long value) {
        long z = value + 0x9e37_79b9_7f4a_7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58_476d_1ce4_e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d0_49bb_1331_11ebL;
        return z ^ (z >>> 31);
    }

    long freeBytes() {
        return freeBytes;
    }

    int count() {
        return count;
    }

    /** Returns the length of the largest free range. */
    long largest() {
        return root == null ? 0 : root.largest;
    }

    /**
     * Takes the lowest place: {@code __alloc_vmap_area()}.
     *
     * @param bytes page aligned length
     * @param alignment a power of two
     * @param low lowest start
     * @param high the end must not be above it
     * @return the start, or {@link #NOTHING}
     */
    long allocate(long bytes, long alignment, long low, long high) {
        Node found = lowest(root, bytes, alignment, low);
        if (found == null) {
            return NOTHING;
        }
        long start = alignedStart(found, alignment, low);
        if (Long.compareUnsigned(start + bytes, high) > 0) {
            return NOTHING;
        }
        clip(found, start, bytes);
        return start;
    }

    /**
     * Takes the highest place: {@code pcpu_get_vm_areas()}.
     *
     * @param bytes page aligned length
     * @param alignment a power of two
     * @param low lowest start
     * @param high the end must not be above it
     * @return the start, or {@link #NOTHING}
     */
    long allocateHighest(long bytes, long alignment, long low, long high) {
        Node found = highest(root, bytes, alignment, low, high);
        if (found == null) {
            return NOTHING;
        }
        long start = (Math.min(found.end, high) - bytes) & -alignment;
        clip(found, start, bytes);
        return start;
    }

    private static @Nullable Node highest(@Nullable Node node, long bytes, long alignment, long low, long high) {
        if (node == null || node.largest < bytes) {
            return null;
        }
        if (node.end < high) {
            Node found = highest(node.right, bytes, alignment, low, high);
            if (found != null) {
                return found;
            }
        }
        long start = (Math.min(node.end, high) - bytes) & -alignment;
        if (start >= node.start && start >= low) {
            return node;
        }
        return highest(node.left, bytes, alignment, low, high);
    }

    /** Cuts a piece out of a free range: {@code va_clip()}. */
    private void clip(Node found, long start, long bytes) {
        long oldStart = found.start;
        long oldEnd = found.end;
        remove(found);
        if (oldStart < start) {
            insert(oldStart, start);
        }
        if (start + bytes < oldEnd) {
            insert(start + bytes, oldEnd);
        }
    }

    private static long alignedStart(Node node, long alignment, long low) {
        return (Math.max(node.start, low) + alignment - 1) & -alignment;
    }

    private static @Nullable Node lowest(@Nullable Node node, long bytes, long alignment, long low) {
        if (node == null || node.largest < bytes) {
            return null;
        }
        if (low < node.start) {
            Node found = lowest(node.left, bytes, alignment, low);
            if (found != null) {
                return found;
            }
        }
        long start = alignedStart(node, alignment, low);
        if (start >= node.start && start <= node.end - bytes) {
            return node;
        }
        return lowest(node.right, bytes, alignment, low);
    }

    /**
     * Gives a range back and merges it with its neighbours: {@code merge_or_add_vmap_area_augment()}.
     *
     * @return whether it touched no free range
     */
    boolean free(long start, long end) {
        Node before = null;
        Node after = null;
        Node node = root;
        while (node != null) {
            if (start < node.end && node.start < end) {
                return false;
            }
            if (node.start < start) {
                before = node;
                node = node.right;
            } else {
                after = node;
                node = node.left;
            }
        }
        long newStart = start;
        long newEnd = end;
        if (before != null && before.end == start) {
            newStart = before.start;
            remove(before);
        }
        if (after != null && after.start == end) {
            newEnd = after.end;
            remove(after);
        }
        insert(newStart, newEnd);
        return true;
    }

    private void insert(long start, long end) {
        freeBytes += end - start;
        count++;
        root = insert(root, new Node(start, end));
    }

    private static Node insert(@Nullable Node node, Node added) {
        if (node == null) {
            return added;
        }
        if (Long.compareUnsigned(added.priority, node.priority) > 0) {
            split(node, added.start, added);
            update(added);
            return added;
        }
        if (added.start < node.start) {
            node.left = insert(node.left, added);
        } else {
            node.right = insert(node.right, added);
        }
        update(node);
        return node;
    }

    /** Splits a subtree at an address; the halves become the children of a new node. */
    private static void split(@Nullable Node node, long at, Node target) {
        if (node == null) {
            target.left = null;
            target.right = null;
            return;
        }
        if (node.start < at) {
            split(node.right, at, target);
            node.right = target.left;
            update(node);
            target.left = node;
        } else {
            split(node.left, at, target);
            node.left = target.right;
            update(node);
            target.right = node;
        }
    }

    private void remove(Node gone) {
        freeBytes -= gone.end - gone.start;
        count--;
        root = remove(root, gone);
    }

    private static @Nullable Node remove(@Nullable Node node, Node gone) {
        if (node == null) {
            return null;
        }
        if (node == gone) {
            return join(node.left, node.right);
        }
        if (gone.start < node.start) {
            node.left = remove(node.left, gone);
        } else {
            node.right = remove(node.right, gone);
        }
        update(node);
        return node;
    }

    private static @Nullable Node join(@Nullable Node left, @Nullable Node right) {
        if (left == null) {
            return right;
        }
        if (right == null) {
            return left;
        }
        if (Long.compareUnsigned(left.priority, right.priority) > 0) {
            left.right = join(left.right, right);
            update(left);
            return left;
        }
        right.left = join(left, right.left);
        update(right);
        return right;
    }

    private static void update(Node node) {
        long largest = node.end - node.start;
        if (node.left != null) {
            largest = Math.max(largest, node.left.largest);
        }
        if (node.right != null) {
            largest = Math.max(largest, node.right.largest);
        }
        node.largest = largest;
    }

    /** Gets each free range in ascending order. */
    interface Visitor {
        void visit(long start, long end);
    }

    void forEach(Visitor visitor) {
        forEach(root, visitor);
    }

    private static void forEach(@Nullable Node node, Visitor visitor) {
        if (node != null) {
            forEach(node.left, visitor);
            visitor.visit(node.start, node.end);
            forEach(node.right, visitor);
        }
    }

    void addToDigest(Digest digest) {
        forEach((start, end) -> {
            digest.add(start);
            digest.add(end);
        });
    }

    void verify(Violations out) {
        long[] seen = {Long.MIN_VALUE, 0, 0};
        forEach((start, end) -> {
            if (start <= seen[0] && seen[2] > 0) {
                out.add("free vmap areas", "range at " + Long.toHexString(start) + " touches the one before");
            }
            if (start >= end) {
                out.add("free vmap areas", "empty range at " + Long.toHexString(start));
            }
            seen[0] = end;
            seen[1] += end - start;
            seen[2]++;
        });
        out.expectEqual("free vmap areas", "bytes counted == bytes found", freeBytes, seen[1]);
        out.expectEqual("free vmap areas", "ranges counted == ranges found", count, seen[2]);
        verifyLargest(root, out);
    }

    private static long verifyLargest(@Nullable Node node, Violations out) {
        if (node == null) {
            return 0;
        }
        long below = Math.max(verifyLargest(node.left, out), verifyLargest(node.right, out));
        long expected = Math.max(below, node.end - node.start);
        out.expectEqual("free vmap areas", "largest == largest found", node.largest, expected);
        return expected;
    }
}
