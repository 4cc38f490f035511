package io.pagewalk.lab.run;

/** JSON laid out for people. */
public final class JsonText {
    private JsonText() {}

    /**
     * Returns one property of the outermost object a line, so that a person can read it and {@code diff} can compare it.
     *
     * @param json one JSON value without white space between its parts
     */
    public static String indented(String json) {
        return indented(json, 1);
    }

    /** The same down to a depth: what lies deeper stays on one line. */
    static String indented(String json, int lines) {
        StringBuilder out = new StringBuilder(json.length() + 200);
        int depth = 0;
        boolean inString = false;
        for (int i = 0; i < json.length(); i++) {
            char c = json.charAt(i);
            if (inString) {
                out.append(c);
                if (c == '\\') {
                    out.append(json.charAt(++i));
                } else if (c == '"') {
                    inString = false;
                }
                continue;
            }
            switch (c) {
                case '"' -> {
                    inString = true;
                    out.append(c);
                }
                case '{', '[' -> {
                    depth++;
                    out.append(c);
                    if (depth <= lines) {
                        newLine(out, depth);
                    }
                }
                case '}', ']' -> {
                    depth--;
                    if (depth < lines) {
                        newLine(out, depth);
                    }
                    out.append(c);
                }
                case ',' -> {
                    out.append(',');
                    if (depth <= lines) {
                        newLine(out, depth);
                    } else {
                        out.append(' ');
                    }
                }
                case ':' -> out.append(": ");
                default -> out.append(c);
            }
        }
        return out.append('\n').toString();
    }

    private static void newLine(StringBuilder out, int depth) {
        out.append('\n').append("  ".repeat(depth));
    }
}
