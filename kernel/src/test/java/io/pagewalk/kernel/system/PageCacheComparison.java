package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;

/** Runs a script on the model and on the kernel of this machine ({@code page-cache.c}) and wants the same answers. Needs Linux 6.18, root, gcc, and a temporary directory on ext4. */
abstract class PageCacheComparison {
    static final int SEEDS = Integer.getInteger("pagewalk.pagecache.scripts", 12);
    static final long FIRST_SEED = Long.getLong("pagewalk.pagecache.seed", 1);
    private static final int STEPS = Integer.getInteger("pagewalk.pagecache.steps", 60);

    /** How often a script is made again on this machine when the answers differ. */
    private static final int TRIES = 3;

    /** What a random script is about. */
    enum Kind {
        /** A file on a disk. */
        FILE,
        /** A file on a disk that areas want huge pages of. */
        HUGE_FILE,
        /** A file in memory, on a mount with any option {@code huge=}. */
        TMPFS
    }

    @TempDir
    Path directory = Path.of(".");

    /** Sets in the model what the machine has set. */
    void prepare(PageCacheScript model) {}

    /** What is read natively may rarely get a smaller folio than it could, and is written back after some seconds, and other programs are counted in vmstat: each difference must show in every try. */
    final void compare(List<String> script) throws IOException, InterruptedException {
        List<String> expected = real(script);
        PageCacheScript model = new PageCacheScript(readAheadKib());
        prepare(model);
        List<String> actual = model.run(script);
        model.k.verify();
        for (int again = 0; again < TRIES && !actual.equals(expected); again++) {
            expected = real(script);
        }
        for (int i = 0; i < script.size(); i++) {
            int step = i;
            assertThat(actual.get(i))
                    .as(() -> String.join(";", script.subList(0, step + 1)) + "\n"
                            + String.join("\n", actual.subList(Math.max(0, step - 4), step + 1)))
                    .isEqualTo(expected.get(i));
        }
    }

    private int readAheadKib() throws IOException {
        long device = (Long) Files.getAttribute(directory, "unix:dev");
        String name = ((device >>> 8) & 0xfff) + ":" + ((device & 0xff) | ((device >>> 12) & 0xffffff00L));
        Path setting = Path.of("/sys/class/bdi", name, "read_ahead_kb");
        assumeTrue(Files.isReadable(setting), "needs a file system with a disk");
        return Integer.parseInt(Files.readString(setting).strip());
    }

    private List<String> real(List<String> script) throws IOException, InterruptedException {
        assumeTrue(System.getProperty("os.version").startsWith("6.18"), "needs Linux 6.18");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
        assumeTrue(Files.isReadable(Path.of("/proc/kpageflags")), "needs root");
        assumeTrue(Files.getFileStore(directory).type().equals("ext4"), "needs ext4");
        Path program = directory.resolve("page-cache");
        if (!Files.exists(program)) {
            Path source = directory.resolve("page-cache.c");
            try (InputStream in = requireNonNull(getClass().getResourceAsStream("page-cache.c"))) {
                Files.copy(in, source);
            }
            Process gcc = new ProcessBuilder("gcc", "-O1", "-w", "-static", "-o", program.toString(), source.toString())
                    .inheritIO()
                    .start();
            assertThat(gcc.waitFor()).isZero();
        }
        Process process = new ProcessBuilder(
                        program.toString(), directory.resolve("data").toString())
                .redirectInput(Files.writeString(directory.resolve("script"), String.join("\n", script) + "\n")
                        .toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }

    static boolean hasHugePages() throws IOException {
        return Files.readString(Path.of("/sys/kernel/mm/transparent_hugepage/enabled"))
                .contains("[madvise]");
    }

    /** Returns a random script for a file of a kind. */
    static List<String> random(SeededRandom random, Kind kind) {
        List<String> script = new ArrayList<>();
        boolean isHuge = kind != Kind.FILE;
        long bytes = isHuge
                ? (2L << 20) + random.nextInt(3 << 20)
                : random.nextInt(4) == 0 ? 0 : random.nextInt(1 << (10 + random.nextInt(12)));
        script.add(kind == Kind.TMPFS ? "tmpfs " + random.nextInt(4) + " " + bytes + " 0" : "file " + bytes);
        long pages = Math.max(20, bytes >>> 12) + 8;
        boolean isClean = bytes > 0;
        boolean[] isMapped = new boolean[3];
        while (script.size() < STEPS) {
            long at = random.nextInt((int) pages) * 4096L + (random.nextInt(3) == 0 ? random.nextInt(4096) : 0);
            long length = 1L + random.nextInt(1 << (10 + random.nextInt(9)));
            int map = random.nextInt(3);
            long page = random.nextInt((int) pages);
            long some = 1L + random.nextInt((int) Math.min(pages - page, 1 + random.nextInt(60)));
            switch (random.nextInt(26)) {
                case 0, 1 -> script.add("read " + at + " " + length);
                case 2, 3, 4 -> script.add("next " + length);
                case 5 -> script.add("open");
                case 6 -> script.add("fadvise 0 0 " + random.nextInt(3));
                case 7 -> script.add("fadvise " + at + " " + length + " 3");
                case 8 -> script.add(isClean ? "fadvise " + at + " " + length * 4 + " 4" : "dump");
                case 9 -> script.add(isClean ? "fadvise 0 0 4" : "cachestat " + at + " " + length);
                case 10, 11 -> {
                    if (isMapped[map]) {
                        script.add("unmap " + map);
                    }
                    isMapped[map] = !isMapped[map];
                    if (isMapped[map]) {
                        script.add("map " + map + " " + pages + " " + random.nextInt(2) * random.nextInt(9) + " "
                                + (1 + random.nextInt(2)) + " "
                                + (isHuge ? random.nextInt(2) * 8 : random.nextInt(512)));
                        if (isHuge) {
                            script.add("madvise " + map + " 0 " + pages + " 14");
                        }
                    }
                }
                case 12, 13, 14 -> script.add(isMapped[map] ? "load " + map + " " + page : "dump");
                case 15 -> {
                    script.add(isMapped[map] ? "store " + map + " " + page : "dump");
                    isClean &= !isMapped[map];
                }
                case 16 -> {
                    int[] advice = isHuge ? new int[] {0, 1, 14, 15, 4, 4, 20} : new int[] {0, 1, 2, 3, 4, 4, 20};
                    if (kind == Kind.TMPFS && random.nextInt(3) == 0) {
                        advice = new int[] {9, 25};
                        page = page / 512 * 512;
                        some = Math.min(512, pages - page);
                    }
                    script.add(
                            isMapped[map]
                                    ? "madvise " + map + " " + page + " " + some + " "
                                            + advice[random.nextInt(advice.length)]
                                    : "dump");
                }
                case 17 -> {
                    boolean isBlind = random.nextInt(5) == 0;
                    script.add(isBlind ? "blind " + at + " " + (1 + length % 4000) : "write " + at + " " + length);
                    isClean = false;
                }
                case 18 -> {
                    // A file that was cut to nothing is written back when any of its descriptors is closed, as that of
                    // a dump.
                    script.add("truncate " + Math.max(1, at));
                    isClean = false;
                }
                case 19 -> {
                    script.add("punch " + at + " " + length);
                    isClean = false;
                }
                case 20 ->
                    script.add(
                            isMapped[map]
                                    ? (random.nextBoolean() ? "mlock " : "munlock ") + map + " " + page + " " + some
                                    : "dump");
                case 21 -> script.add(isMapped[map] ? (isHuge ? "smaps " : "present ") + map : "dump");
                case 22 -> script.add(isMapped[map] ? "mincore " + map : "dump");
                default -> script.add("dump");
            }
        }
        script.add("dump");
        for (int map = 0; map < isMapped.length; map++) {
            if (isMapped[map]) {
                script.add("present " + map);
                script.add("smaps " + map);
            }
        }
        return script;
    }
}
