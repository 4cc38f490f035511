package io.pagewalk.lab.experiment;

import java.util.Locale;

/** A picture under construction: an SVG document of rectangles, lines and words on white. Coordinates are pixels from the upper left corner. */
public final class Svg {
    /** Colour of words and axes. */
    public static final String INK = "#222222";

    /** Colour of notes. */
    public static final String GREY = "#666666";

    /** Colour of free memory. */
    public static final String FREE = "#f1f1f1";

    private static final String[] COLOURS = {
        "#8cc8ec", "#a5e08a", "#f3cf7e", "#cfa8d8", "#f2ab8b", "#9fe3e6", "#c8e6a0", "#e9c3e4", "#d3cf9f", "#a9c3ee",
        "#f0d1a5", "#7fd89b"
    };
    private static final String[] LINES = {
        "#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"
    };

    private final StringBuilder out = new StringBuilder(8192);

    /**
     * Begins a picture.
     *
     * @param width pixels
     * @param height pixels
     * @param title what it shows
     */
    public Svg(int width, int height, String title) {
        out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"")
                .append(width)
                .append("\" height=\"")
                .append(height)
                .append("\" viewBox=\"0 0 ")
                .append(width)
                .append(' ')
                .append(height)
                .append("\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>")
                .append(escaped(title))
                .append("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    }

    /**
     * Returns the colour of an area.
     *
     * @param number any; colours repeat
     */
    public static String colour(int number) {
        return COLOURS[Math.floorMod(number, COLOURS.length)];
    }

    /**
     * Returns the colour of a line.
     *
     * @param number any; colours repeat
     */
    public static String lineColour(int number) {
        return LINES[Math.floorMod(number, LINES.length)];
    }

    /**
     * Draws a filled rectangle.
     *
     * @param x left
     * @param y top
     * @param width pixels
     * @param height pixels
     * @param fill colour
     * @param border colour of the outline, or {@code none}
     */
    public Svg rect(double x, double y, double width, double height, String fill, String border) {
        out.append("<rect x=\"").append(number(x)).append("\" y=\"").append(number(y));
        out.append("\" width=\"").append(number(width)).append("\" height=\"").append(number(height));
        out.append("\" fill=\"")
                .append(fill)
                .append("\" stroke=\"")
                .append(border)
                .append("\" stroke-width=\"0.7\"/>\n");
        return this;
    }

    /**
     * Writes words that begin at a point.
     *
     * @param x left
     * @param y base line
     * @param size of the letters
     * @param words what to write
     */
    public Svg text(double x, double y, int size, String words) {
        return words(x, y, size, "start", "normal", INK, words);
    }

    /**
     * Writes words around a point.
     *
     * @param x middle
     * @param y base line
     * @param size of the letters
     * @param words what to write
     */
    public Svg centred(double x, double y, int size, String words) {
        return words(x, y, size, "middle", "normal", INK, words);
    }

    /**
     * Writes words that end at a point.
     *
     * @param x right
     * @param y base line
     * @param size of the letters
     * @param words what to write
     */
    public Svg right(double x, double y, int size, String words) {
        return words(x, y, size, "end", "normal", INK, words);
    }

    /**
     * Writes a heading.
     *
     * @param x left
     * @param y base line
     * @param size of the letters
     * @param words what to write
     */
    public Svg bold(double x, double y, int size, String words) {
        return words(x, y, size, "start", "bold", INK, words);
    }

    /**
     * Writes a note in grey.
     *
     * @param x left
     * @param y base line
     * @param size of the letters
     * @param words what to write
     */
    public Svg note(double x, double y, int size, String words) {
        return words(x, y, size, "start", "normal", GREY, words);
    }

    private Svg words(double x, double y, int size, String anchor, String weight, String fill, String words) {
        out.append("<text x=\"").append(number(x)).append("\" y=\"").append(number(y));
        out.append("\" font-size=\"").append(size).append("\" text-anchor=\"").append(anchor);
        out.append("\" font-weight=\"")
                .append(weight)
                .append("\" fill=\"")
                .append(fill)
                .append("\">");
        out.append(escaped(words)).append("</text>\n");
        return this;
    }

    /**
     * Draws a line through points.
     *
     * @param colour of the line
     * @param points x and y in turn
     */
    public Svg line(String colour, double... points) {
        out.append("<polyline fill=\"none\" stroke=\"").append(colour).append("\" stroke-width=\"1.5\" points=\"");
        for (int i = 0; i < points.length; i++) {
            out.append(i == 0 ? "" : i % 2 == 0 ? " " : ",").append(number(points[i]));
        }
        out.append("\"/>\n");
        return this;
    }

    /** Ends the picture and returns the document. */
    public String finish() {
        return out + "</svg>\n";
    }

    private static String number(double value) {
        String text = String.format(Locale.ROOT, "%.2f", value);
        return text.replaceFirst("\\.?0+$", "");
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
