package io.pagewalk.kernel.syscall;

import io.pagewalk.base.KernelBug;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The names of x86-64 system calls by number, and back. Built once for a machine and shared by its users. */
public final class SyscallNumbers {
    /** One more than the largest number that has a name in Linux 6.18. */
    public static final int LIMIT = 470;

    private static final String TABLE = "x86-64.tbl";

    private final String[] names = new String[LIMIT];
    private final Map<String, Integer> numbers = new HashMap<>();

    /** Reads the table that is shipped with this class. */
    public SyscallNumbers() {
        for (int nr = 0; nr < LIMIT; nr++) {
            names[nr] = "syscall_" + nr;
        }
        try (InputStream stream = SyscallNumbers.class.getResourceAsStream(TABLE)) {
            if (stream == null) {
                throw new KernelBug("resource " + TABLE + " is missing");
            }
            read(new BufferedReader(new InputStreamReader(stream, StandardCharsets.US_ASCII)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Returns the name of a call, {@code syscall_NR} for a number that Linux does not use.
     *
     * @param nr any number
     */
    public String name(int nr) {
        return nr >= 0 && nr < LIMIT ? names[nr] : "syscall_" + nr;
    }

    /**
     * Returns the number of a call, or -1 when Linux has none of that name.
     *
     * @param name a name such as {@code mmap}
     */
    public int number(String name) {
        Integer nr = numbers.get(name);
        return nr == null ? -1 : nr;
    }

    private void read(BufferedReader lines) throws IOException {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("#")) {
                continue;
            }
            int space = line.indexOf(' ');
            int nr = Integer.parseInt(line.substring(0, space));
            String name = line.substring(space + 1);
            names[nr] = name;
            numbers.put(name, nr);
        }
    }
}
