package io.pagewalk.kernel.devres;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.io.ObjectAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The resources of one device in the order they were taken: {@code dev->devres_head}, {@code drivers/base/devres.c}.
 *
 * <pre>
 *   head --- kmalloc --- [ --- region --- ioremap --- ] --- action
 *                        ^ group opened               ^ and closed
 * </pre>
 *
 * <p>Each entry costs a kernel object; when there is no memory for it, nothing is taken. What goes wrong in a driver's use is a line in the log.
 */
public final class Devres {
    /** Header of an entry, {@code sizeof(struct devres)} on 64-bit: list links, release function, name, size. */
    static final int HEADER_BYTES = 40;

    /** {@code sizeof(struct devres_group)} on 64-bit: two headers, id, colour. */
    private static final int GROUP_BYTES = 96;

    /** {@code sizeof(struct action_devres)}: function and argument. */
    private static final int ACTION_BYTES = 16;

    /** What an entry stands for; two entries of one kind are told apart by their keys. */
    enum Kind {
        MEMORY,
        PAGES,
        REGION,
        MAPPING,
        ACTION
    }

    private abstract static sealed class Node {}

    private static final class Entry extends Node {
        private final Kind kind;
        private final Object key;
        private final Runnable release;
        private final long object;

        private Entry(Kind kind, Object key, Runnable release, long object) {
            this.kind = kind;
            this.key = key;
            this.release = release;
            this.object = object;
        }
    }

    private static final class GroupMark extends Node {
        private final Group group;

        private GroupMark(Group group) {
            this.group = group;
        }
    }

    private static final class Group {
        private final long id;
        private final long object;
        private final GroupMark opening = new GroupMark(this);
        private final GroupMark closing = new GroupMark(this);
        private int color;

        private Group(long id, long object) {
            this.id = id;
            this.object = object;
        }
    }

    private final ObjectAllocator objects;
    private final Consumer<String> log;
    private final List<Node> nodes = new ArrayList<>();

    Devres(ObjectAllocator objects, Consumer<String> log) {
        this.objects = objects;
        this.log = log;
    }

    /** Returns whether nothing is held, not even a group: {@code list_empty(&dev->devres_head)}. */
    public boolean isEmpty() {
        return nodes.isEmpty();
    }

    /** Returns how many resources are held, groups not counted. */
    public int count() {
        return (int) nodes.stream().filter(Entry.class::isInstance).count();
    }

    /**
     * Allocates the object of an entry: {@code devres_alloc()}.
     *
     * @param bytes what the entry carries beside its header
     * @param gfp request flags
     * @return its kernel address, or 0
     */
    long allocate(long bytes, int gfp) {
        long total = bytes + HEADER_BYTES;
        return bytes < 0 || total < 0 ? 0 : objects.kmalloc(total, gfp);
    }

    /** Frees an object that never became an entry: {@code devres_free()}. */
    void free(long object) {
        objects.kfree(object);
    }

    /** Appends an entry: {@code devres_add()}. */
    void add(Kind kind, Object key, long object, Runnable release) {
        nodes.add(new Entry(kind, key, release, object));
    }

    /**
     * Takes the latest entry with a key out of the list: {@code devres_remove()}.
     *
     * @return what releases the resource, or null when there is no such entry
     */
    @Nullable
    Runnable remove(Kind kind, Object key) {
        for (int i = nodes.size() - 1; i >= 0; i--) {
            if (nodes.get(i) instanceof Entry entry && entry.kind == kind && isSame(entry.key, key)) {
                nodes.remove(i);
                objects.kfree(entry.object);
                return entry.release;
            }
        }
        return null;
    }

    /** Actions are compared by identity, as function and argument are; the rest by value. */
    private static boolean isSame(Object one, Object other) {
        return one instanceof Runnable ? one == other : Objects.equals(one, other);
    }

    /**
     * Adds something to do when the driver goes: {@code devm_add_action()}.
     *
     * @param action what; its identity finds it again
     * @return 0, or {@code -ENOMEM}: then nobody will call it
     */
    public int addAction(Runnable action) {
        long object = allocate(ACTION_BYTES, Gfp.GFP_KERNEL);
        if (object == 0) {
            return -Errno.ENOMEM;
        }
        add(Kind.ACTION, action, object, action);
        return 0;
    }

    /**
     * Adds something to do when the driver goes, or does it now when there is no memory to remember it: {@code devm_add_action_or_reset()}.
     *
     * @param action what
     * @return 0, or {@code -ENOMEM}
     */
    public int addActionOrReset(Runnable action) {
        int error = addAction(action);
        if (error != 0) {
            action.run();
        }
        return error;
    }

    /**
     * Forgets an action without doing it: {@code devm_remove_action()}. An unknown one leaves a warning.
     *
     * @param action which
     */
    public void removeAction(Runnable action) {
        if (remove(Kind.ACTION, action) == null) {
            warn("devm_remove_action_nowarn");
        }
    }

    /**
     * Does an action now and forgets it: {@code devm_release_action()}. An unknown one leaves a warning.
     *
     * @param action which
     */
    public void releaseAction(Runnable action) {
        Runnable found = remove(Kind.ACTION, action);
        if (found == null) {
            warn("devm_release_action");
        } else {
            found.run();
        }
    }

    /**
     * Opens a group: {@code devres_open_group()}.
     *
     * @param id a number that finds it again, or 0 for one that nobody else has
     * @param gfp request flags
     * @return the id, or 0 when there is no memory
     */
    public long openGroup(long id, int gfp) {
        long object = objects.kmalloc(GROUP_BYTES, gfp);
        if (object == 0) {
            return 0;
        }
        Group group = new Group(id == 0 ? object : id, object);
        nodes.add(group.opening);
        return group.id;
    }

    /**
     * Closes a group: {@code devres_close_group()}.
     *
     * @param id which, or 0 for the latest that is open; an unknown one leaves a warning, one that is closed a line about a BUG, and nothing changes
     */
    public void closeGroup(long id) {
        Group group = find(id);
        if (group == null) {
            warn("devres_close_group");
            return;
        }
        if (isClosed(group)) {
            log.accept("kernel BUG at drivers/base/devres.c add_dr()");
            return;
        }
        nodes.add(group.closing);
    }

    /**
     * Forgets a group and keeps its resources: {@code devres_remove_group()}.
     *
     * @param id which, or 0 for the latest that is open; an unknown one leaves a warning
     */
    public void removeGroup(long id) {
        Group group = find(id);
        if (group == null) {
            warn("devres_remove_group");
            return;
        }
        nodes.remove(group.opening);
        nodes.remove(group.closing);
        objects.kfree(group.object);
    }

    /**
     * Releases the resources of a group, last one first, with the groups that lie wholly inside: {@code devres_release_group()}.
     *
     * @param id which, or 0 for the latest that is open; an unknown one leaves a warning
     * @return how many resources were released, groups not counted
     */
    public int releaseGroup(long id) {
        Group group = find(id);
        if (group == null) {
            if (!nodes.isEmpty()) {
                warn("devres_release_group");
            }
            return 0;
        }
        int end = isClosed(group) ? nodes.indexOf(group.closing) + 1 : nodes.size();
        return release(nodes.indexOf(group.opening), end);
    }

    /**
     * Releases everything, last one first: {@code devres_release_all()}.
     *
     * @return how many resources were released, groups not counted
     */
    public int releaseAll() {
        return release(0, nodes.size());
    }

    /** {@code remove_nodes()} and {@code release_nodes()} of {@code [first, end)}. */
    private int release(int first, int end) {
        List<Node> range = nodes.subList(first, end);
        List<Entry> entries = new ArrayList<>();
        for (Node node : range) {
            switch (node) {
                case Entry entry -> entries.add(entry);
                case GroupMark mark -> mark.group.color = 0;
            }
        }
        range.removeIf(Entry.class::isInstance);
        // What is left are marks. A group goes when both of its marks are in the range, or the only one it has.
        List<Group> groups = new ArrayList<>();
        for (Node node : range) {
            if (node instanceof GroupMark mark) {
                mark.group.color += isClosed(mark.group) ? 1 : 2;
                if (mark.group.color == 2) {
                    groups.add(mark.group);
                }
            }
        }
        for (Group group : groups) {
            nodes.remove(group.opening);
            nodes.remove(group.closing);
        }
        for (Group group : groups.reversed()) {
            objects.kfree(group.object);
        }
        for (Entry entry : entries.reversed()) {
            entry.release.run();
            objects.kfree(entry.object);
        }
        return entries.size();
    }

    private boolean isClosed(Group group) {
        return nodes.contains(group.closing);
    }

    /** {@code find_group()}. */
    private @Nullable Group find(long id) {
        for (Node node : nodes.reversed()) {
            if (node instanceof GroupMark mark
                    && mark == mark.group.opening
                    && (id != 0 ? mark.group.id == id : !isClosed(mark.group))) {
                return mark.group;
            }
        }
        return null;
    }

    /** {@code WARN_ON()} of a function in {@code drivers/base/devres.c}. */
    void warn(String function) {
        log.accept("WARNING: at drivers/base/devres.c " + function + "()");
    }

    /**
     * Checks that each group was opened once, before it was closed.
     *
     * @param device name for messages
     * @param out where violations go
     */
    void verify(String device, Violations out) {
        for (int i = 0; i < nodes.size(); i++) {
            if (nodes.get(i) instanceof GroupMark mark
                    && mark == mark.group.closing
                    && !nodes.subList(0, i).contains(mark.group.opening)) {
                out.add("resources of " + device, "group " + mark.group.id + " is closed before it is opened");
            }
        }
    }
}
