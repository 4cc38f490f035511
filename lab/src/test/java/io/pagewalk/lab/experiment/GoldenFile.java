package io.pagewalk.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** A report that was looked at by a person once and has to stay as it is. To renew one, run the command in its last line. */
public final class GoldenFile {
    private GoldenFile() {}

    /** Compares a report with the file of that name beside this class. */
    public static void check(String name, String report) {
        try (InputStream file = GoldenFile.class.getResourceAsStream(name)) {
            assertThat(file).as(name).isNotNull();
            assertThat(report).as(name).isEqualTo(new String(file.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
