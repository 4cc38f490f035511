package io.pagewalk.observe.proc;

import io.pagewalk.kernel.io.ResourceTree;

/** {@code /proc/iomem}: who uses which physical addresses ({@code kernel/resource.c:r_show()}). */
public final class IoMem {
    private static final int WIDTH = 8;

    /** {@code MAX_IORES_LEVEL}: deeper resources are not indented further. */
    private static final int MAX_LEVEL = 5;

    private IoMem() {}

    /**
     * Prints the file as root sees it.
     *
     * @param iomem the tree of physical addresses
     */
    public static String print(ResourceTree iomem) {
        return print(iomem, WIDTH, Reader.ROOT);
    }

    /** Who reads the file. */
    public enum Reader {
        /** With {@code CAP_SYS_ADMIN}: addresses are shown. */
        ROOT,
        /** Without: all addresses are zero. */
        OTHERS
    }

    /**
     * Prints the file.
     *
     * @param iomem the tree of physical addresses
     * @param reader who reads it
     */
    public static String print(ResourceTree iomem, Reader reader) {
        return print(iomem, WIDTH, reader);
    }

    /** Prints a tree with addresses of at least so many digits. */
    static String print(ResourceTree tree, int width, Reader reader) {
        StringBuilder text = new StringBuilder();
        tree.forEach((resource, depth) -> {
            text.append("  ".repeat(Math.min(depth, MAX_LEVEL)));
            Columns.hex(text, reader == Reader.ROOT ? resource.start() : 0, width);
            text.append('-');
            Columns.hex(text, reader == Reader.ROOT ? resource.end() : 0, width);
            text.append(" : ")
                    .append(resource.name() == null ? "<BAD>" : resource.name())
                    .append('\n');
        });
        return text.toString();
    }
}
