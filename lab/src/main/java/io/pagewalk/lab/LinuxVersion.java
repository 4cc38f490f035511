package io.pagewalk.lab;

import io.pagewalk.base.KernelBug;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The version of Linux whose memory management is modelled. Its one home is the file {@code LINUX_VERSION} at the root of the project. */
public final class LinuxVersion {
    private LinuxVersion() {}

    /** Returns the version, such as {@code 6.18}. */
    public static String modelled() {
        try (InputStream in = LinuxVersion.class.getResourceAsStream("LINUX_VERSION")) {
            if (in == null) {
                throw new KernelBug("the resource LINUX_VERSION is missing from the build");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
