package io.pagewalk.lab.run;

/** JSON laid out for people. */
final class JsonText {
    private JsonText() {}

    /** One property of the outermost object a line, so that a person can read it and {@code diff} can compare it. */
    static String indented(String json) {
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
                    if (depth == 1) {
                        out.append("\n  ");
                    }
                }
                case '}', ']' -> {
                    depth--;
                    out.append(depth == 0 ? "\n" : "").append(c);
                }
                case ',' -> out.append(depth == 1 ? ",\n  " : ", ");
                case ':' -> out.append(": ");
                default -> out.append(c);
            }
        }
        return out.append('\n').toString();
    }
}
