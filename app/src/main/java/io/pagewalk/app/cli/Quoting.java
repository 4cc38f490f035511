package io.pagewalk.app.cli;

import java.util.List;
import java.util.stream.Collectors;

/** Words as a shell reads them back. */
final class Quoting {
    private Quoting() {}

    static String word(String text) {
        return text.matches("[A-Za-z0-9_@%+=:,./-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }

    static String words(List<String> words) {
        return words.stream().map(Quoting::word).collect(Collectors.joining(" "));
    }
}
