package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Machines by name: the shipped descriptions, {@code host}, and files that end in {@code .yaml}. */
public final class MachineCatalogue {
    /** The machine of a run that names none. */
    public static final String DEFAULT = "laptop";

    /** The name of the machine that the program runs on. */
    public static final String HOST = "host";

    private static final List<String> SHIPPED =
            List.of("laptop", "server-2node", "server-1t", "i386-512m", "i386-2g", "i386-2g-2g", "riscv-board");

    private MachineCatalogue() {}

    /** Returns the names of the shipped descriptions. */
    public static List<String> names() {
        return SHIPPED;
    }

    /**
     * Returns a machine.
     *
     * @param name a shipped name, {@code host}, or the path of a description that ends in {@code .yaml} or {@code .yml}
     * @throws BadInput for a name that is none of these (lists the valid ones) and for a broken description
     */
    public static MachineSpec find(String name) {
        if (SHIPPED.contains(name)) {
            return MachineYaml.read(name + ".yaml", resource(name + ".yaml"));
        }
        if (name.equals(HOST)) {
            return HostMachine.describe(Path.of("/"));
        }
        if (name.endsWith(".yaml") || name.endsWith(".yml")) {
            return MachineYaml.read(name, content(name));
        }
        throw new BadInput(
                "--machine",
                "'" + name + "'",
                "one of " + String.join(", ", SHIPPED) + ", host, or a file that ends in .yaml");
    }

    private static String content(String file) {
        try {
            return Files.readString(Path.of(file));
        } catch (CharacterCodingException e) {
            throw new BadInput(file + ": is no text in UTF-8", e);
        } catch (IOException e) {
            throw new BadInput(
                    file + ": cannot be read (" + (Files.exists(Path.of(file)) ? "not a readable file" : "no such file")
                            + ")",
                    e);
        }
    }

    private static String resource(String name) {
        try (InputStream in = MachineCatalogue.class.getResourceAsStream(name)) {
            KernelBug.on(in == null, "the machine " + name + " is missing from the build");
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
